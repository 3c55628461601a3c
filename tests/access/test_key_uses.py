"""When a key was last used shows, without a write on each request."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from crm_saas.access import usage
from crm_saas.access.usage import KeyUses
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from factories.servers import run_server
from factories.tenants import make_tenant

BOUND_SECONDS = 10


def test_the_last_use_is_written_when_the_process_stops(settings: Settings) -> None:
    with run_server(settings) as server, make_tenant(server) as tenant:
        used, unused = tenant.key("pos"), tenant.key("pos")
        with server.client(used) as till:
            assert till.get("/customers").status_code == 200
        owner_key = tenant.key()
    with run_server(settings) as server, server.client(owner_key) as owner:
        shown = {key["hint"]: key["lastUsedAt"] for key in owner.get("/keys").json()["items"]}
    assert shown[_hint(unused)] is None
    assert shown[_hint(used)] is not None


def test_a_tenant_that_was_deleted_spoils_no_others(settings: Settings) -> None:
    with run_server(settings) as server, make_tenant(server) as tenant:
        key_id = tenant.client().get("/keys").json()["items"][0]["id"]
        asyncio.run(_write(settings, {uuid4(): uuid4(), tenant.id: UUID(key_id)}))
        [shown] = tenant.client().get("/keys").json()["items"]
    assert shown["lastUsedAt"] is not None


async def _write(settings: Settings, key_of_tenant: dict[UUID, UUID]) -> None:
    database = Database(settings)
    uses = KeyUses(database)
    for tenant_id, key_id in key_of_tenant.items():
        uses._seen[tenant_id] = {key_id: datetime.now(UTC)}
    await uses.write()
    await database.close()


@pytest.mark.anyio
async def test_what_cannot_be_written_ends_nothing(
    shared_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kind of error it is: the next minute's are written again."""
    monkeypatch.setattr(usage, "WRITE_SECONDS", 0.01)
    database = Database(shared_settings)
    uses = KeyUses(database)
    async with uses.writing():
        for _ in range(2):
            uses._seen[uuid4()] = cast(Any, "no keys")
            async with asyncio.timeout(BOUND_SECONDS):
                while uses._seen:  # noqa: ASYNC110 - it is taken away when it is written
                    await asyncio.sleep(0.01)
    await database.close()


def _hint(key: str) -> str:
    return f"{key[:7]}…{key[-4:]}"
