"""When a key was last used shows, without a write on each request."""

import asyncio
from typing import Any, cast
from uuid import uuid4

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
