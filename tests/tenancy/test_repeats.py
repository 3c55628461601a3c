"""The claim of an Idempotency-Key that is sent along with the credential."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from crm_saas import operator
from crm_saas.access.roles import roles_with
from crm_saas.kit.idempotency import asking
from crm_saas.kit.tokens import read_token
from crm_saas.tenancy.resolution import Caller, authenticating_with_claim, claimed_by
from factories.database import as_role
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


def revoked(tenant: TestTenant) -> str:
    owner = tenant.client("owner")
    made = owner.post("/keys", json={"name": "till", "role": "pos"}).json()
    assert owner.delete(f"/keys/{made['id']}").status_code == 200
    return str(made["key"])


REFUSED: dict[str, Callable[[TestTenant], str]] = {
    "no permission": lambda tenant: tenant.key("publishable"),
    "no scope": lambda tenant: tenant.key("owner", scopes=["otp:send"]),
    "revoked": revoked,
}


@pytest.mark.parametrize("credential", REFUSED)
def test_a_refused_caller_claims_nothing(credential: str, tenant: TestTenant) -> None:
    """Nor learns whether the key is somebody's."""
    with as_role(tenant.server.settings, "crm_app") as app:
        claim = claimed_with(app, tenant, REFUSED[credential](tenant))
        assert (claim, locks_held(app)) == (None, 0)


def test_a_suspended_tenants_caller_claims_nothing(server: Server) -> None:
    with make_tenant(server) as tenant, as_role(server.settings, "crm_app") as app:
        key = tenant.key("owner")
        asyncio.run(operator.set_tenant_status(server.settings, tenant.slug, "suspended"))
        claim = claimed_with(app, tenant, key)
        assert (claim, locks_held(app)) == (None, 0)


def test_two_principals_claim_one_key_at_once(tenant: TestTenant) -> None:
    """A key is its principal's: the lock is of whom the database has authenticated."""
    settings = tenant.server.settings
    with as_role(settings, "crm_app") as first, as_role(settings, "crm_app") as second:
        for app, key in ((first, tenant.key("pos")), (second, tenant.key("owner"))):
            assert claimed_with(app, tenant, key)[0] is True
            assert locks_held(app) == 1


def test_of_one_principal_only_the_first_has_the_lock(tenant: TestTenant) -> None:
    settings, key = tenant.server.settings, tenant.key("pos")
    with as_role(settings, "crm_app") as first, as_role(settings, "crm_app") as second:
        assert [claimed_with(app, tenant, key)[0] for app in (first, second)] == [True, False]


def claimed_with(app: psycopg.Connection[Any], tenant: TestTenant, key: str) -> Any:
    """What is claimed along with a credential, in a transaction that stays open."""
    token = read_token(key)
    assert token is not None
    asked = asking(tenant.server.settings, tenant.id, route="POST /api/v1/customers", key="a")
    caller = Caller(token, None, "", None)
    permission = "customers:create"
    call = authenticating_with_claim(caller, permission, roles_with(permission), asked)
    if app.autocommit:
        app.execute("begin")
    return claimed_by(app.execute(call.statement.text.encode(), call.values).fetchall())[1]


def locks_held(app: psycopg.Connection[Any]) -> int:
    found = app.execute(
        "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    ).fetchone()
    assert found is not None
    return int(found[0])
