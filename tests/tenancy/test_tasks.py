"""What every tenant gathers is tidied up, whether or not the tenant is served."""

import asyncio
from collections.abc import Callable

import psycopg

from crm_saas import operator
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.tenancy import tasks
from factories.servers import Server
from factories.tenants import make_tenant


def test_stored_answers_are_forgotten_after_a_day(
    fresh_server: Server, run_jobs: Callable[[], None]
) -> None:
    settings = fresh_server.settings
    with make_tenant(fresh_server) as active, make_tenant(fresh_server) as suspended:
        for tenant in (active, suspended):
            for key in ("old", "almost", "new"):
                made = tenant.client("owner").post(
                    "/teams", json={"name": key}, headers={"Idempotency-Key": key}
                )
                assert made.status_code == 201
        asyncio.run(operator.set_tenant_status(settings, suspended.slug, "suspended"))
        with psycopg.connect(settings.url("crm_platform"), autocommit=True) as platform:
            for key, age in (("old", "24 hours 1 second"), ("almost", "23 hours 59 minutes")):
                platform.execute(
                    "update org_idempotency_keys set created_at = now() - %s::interval"
                    " where key = %s",
                    [age, key],
                )
            asyncio.run(forget(settings))
            run_jobs()
            kept = platform.execute("select tenant_org_id, key from org_idempotency_keys")
            assert set(kept.fetchall()) == {
                (tenant.id, key) for tenant in (active, suspended) for key in ("almost", "new")
            }
        again = active.client("owner").post(
            "/teams", json={"name": "almost"}, headers={"Idempotency-Key": "almost"}
        )
        assert again.headers["Idempotency-Replayed"] == "true"


async def forget(settings: Settings) -> None:
    platform = Database(settings, "crm_platform")
    await tasks.forget_answers_everywhere(platform)
    await platform.close()
