"""Guests expire by the tenant's policy; each keeps its number (SPEC 2.1, 2.4)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from crm_saas import operator
from crm_saas.customers.tasks import expire_guests_everywhere
from crm_saas.kit.db import Database
from factories.customers import create_guest, create_stub
from factories.database import as_role, rows
from factories.servers import Server
from factories.tenants import make_tenant


def test_expired_guests_become_inactive_and_keep_their_numbers(
    fresh_server: Server, run_jobs: Callable[[], None]
) -> None:
    settings = fresh_server.settings
    with make_tenant(fresh_server) as tenant, make_tenant(fresh_server) as other:
        old, young = (create_guest(tenant.client()) for _ in range(2))
        stub, others = create_stub(tenant.client()), create_guest(other.client())
        _let_expire(settings, old["id"], others["id"])

        asyncio.run(_tick(settings))
        run_jobs()

        states = {c["id"]: c["status"] for c in tenant.client().get("/customers").json()["items"]}
        assert states == {old["id"]: "inactive", young["id"]: "active", stub["id"]: "active"}
        kept = tenant.client().get(f"/customers/{old['id']}").json()
        assert kept["customerNumber"] == old["customerNumber"]
        theirs = other.client().get(f"/customers/{others['id']}").json()
        assert theirs["status"] == "inactive"
        (event,) = tenant.client().get("/audit?kind=customers.guests_expired").json()["items"]
        assert event["actorKind"] == "system"


def test_how_long_a_guest_lasts_is_the_tenants_policy(fresh_server: Server) -> None:
    with make_tenant(fresh_server) as tenant:
        asyncio.run(
            operator.configure_tenant(
                fresh_server.settings, slug=tenant.slug, policies={"guest_expiry_days": 3}
            )
        )
        guest = create_guest(tenant.client())
        lasts = datetime.fromisoformat(guest["expiresAt"]) - datetime.now(UTC)
        assert timedelta(days=2, hours=23) < lasts < timedelta(days=3, minutes=1)


def test_a_guest_that_grew_does_not_expire(
    fresh_server: Server, run_jobs: Callable[[], None]
) -> None:
    with make_tenant(fresh_server) as tenant:
        guest = create_guest(tenant.client())
        upgraded = tenant.client().post(
            f"/customers/{guest['id']}/upgrade",
            json={"type": "stub", "name": "Salim", "phone": "+96891112233"},
        )
        assert upgraded.json()["expiresAt"] is None
        asyncio.run(_tick(fresh_server.settings))
        run_jobs()
        assert tenant.client().get(f"/customers/{guest['id']}").json()["status"] == "active"


def _let_expire(settings, *ids: str) -> None:
    with as_role(settings) as connection, connection.transaction():
        # The tests' own trigger wants a record for every change; this one is the clock's.
        connection.execute("set constraints all immediate")
        for customer_id in ids:
            connection.execute(
                """
                insert into org_events (
                    tenant_org_id, id, kind, version, subject_table, subject_id, actor_kind,
                    actor_name, actor_role, request_id, commitment
                )
                select tenant_org_id, gen_random_uuid(), 'test.time_passed', 1,
                    'org_customers_mst', id, 'system', 'clock', 'system', 'test', ''
                from org_customers_mst
                where id = %s
                """,
                [customer_id],
            )
            connection.execute(
                """
                update org_customers_mst
                set expires_at = now() - interval '1 minute'
                where id = %s
                """,
                [customer_id],
            )
    assert rows(settings, "select count(*) from org_customers_mst where expires_at < now()") == [
        (len(ids),)
    ]


async def _tick(settings) -> None:
    platform = Database(settings, "crm_platform")
    try:
        await expire_guests_everywhere(platform)
    finally:
        await platform.close()
