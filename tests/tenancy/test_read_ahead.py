"""A read that goes along with its credential answers as one in a transaction would, and costs one
round trip."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas import operator
from crm_saas.access.roles import ROLES, roles_with
from crm_saas.kit.settings import Settings
from crm_saas.kit.tokens import read_token
from crm_saas.tenancy import middleware
from factories.customers import create_stub, new_name, new_phone
from factories.database import as_role
from factories.merges import merge
from factories.proxies import Direction, Fate, proxy_to
from factories.sent import statements_heard
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant

_DIFFERS = {"date", "x-request-id", "ratelimit"}


@dataclass
class World:
    tenant: TestTenant
    customer: Any
    merged: Any
    team_key: str
    theirs: Any


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with make_tenant(server) as tenant, make_tenant(server) as other:
        owner = tenant.client("owner")
        tenant.member("sales_manager", team="north")
        customer = create_stub(owner, name=new_name(), email="amal@example.com")
        merged = create_stub(owner, name=new_name())
        merge(owner, merged, customer)
        theirs = create_stub(other.client("owner"))
        for path in LISTS:  # of a list the statement is made when it is first asked for
            other.client("owner").get(path)
        yield World(tenant, customer, merged, tenant.key("sales_manager", team="north"), theirs)


def revoked(tenant: TestTenant) -> str:
    made = tenant.client("owner").post("/keys", json={"name": "till", "role": "pos"}).json()
    assert tenant.client("owner").delete(f"/keys/{made['id']}").status_code == 200
    return str(made["key"])


def expired(tenant: TestTenant) -> str:
    """By a rotation that leaves the old one no time."""
    made = tenant.client("owner").post("/keys", json={"name": "till", "role": "pos"}).json()
    body = {"overlapSeconds": 0}
    rotated = tenant.client("owner").post(f"/keys/{made['id']}/rotate", json=body)
    assert rotated.status_code == 201, rotated.text
    return str(made["key"])


def suspended(tenant: TestTenant) -> str:
    key = tenant.key("owner")
    settings = tenant.server.settings
    asyncio.run(operator.set_tenant_status(settings, tenant.slug, "suspended"))
    return key


CREDENTIALS: dict[str, Callable[[World], str]] = {
    "owner": lambda w: w.tenant.key("owner"),
    "till": lambda w: w.tenant.key("pos"),
    "masked": lambda w: w.tenant.key("auditor"),
    "another team's": lambda w: w.team_key,
    "no permission": lambda w: w.tenant.key("publishable"),
    "no scope": lambda w: w.tenant.key("owner", scopes=["otp:send"]),
    "expired": lambda w: expired(w.tenant),
    "revoked": lambda w: revoked(w.tenant),
    "mistyped": lambda w: w.tenant.key("owner")[:-1] + "x",
    "none": lambda _: "nothing",
}
LISTS = (
    "/customers",
    "/customers?profileStatus=stub&sort=-createdAt",
    "/customers?status=active,merged&sort=createdAt&limit=1",
    "/customers?sort=name",
    "/customers?sort=phone",
    "/customers?limit=0",
    "/customers?%76iew=01a2212d-6889-74ff-849b-dad7c1841864",
    "/customers?%74otal=true",
    "/customers?locale=ar",
)
PATHS: dict[str, Callable[[World], str]] = {
    "id": lambda w: f"/customers/{w.customer['id']}",
    "merged": lambda w: f"/customers/{w.merged['id']}",
    "nobody's": lambda _: "/customers/01a2212d-6889-74ff-849b-dad7c1841864",
    "theirs": lambda w: f"/customers/{w.theirs['id']}",
    "no id": lambda _: "/customers/amal",
    "misspelt query": lambda w: f"/customers/{w.customer['id']}?limti=1",
    "number": lambda w: f"/customers/by-number/{w.customer['customerNumber'].lower()}",
    "merged number": lambda w: f"/customers/by-number/{w.merged['customerNumber']}",
    "nobody's number": lambda _: "/customers/by-number/CUST-9999999",
    "unfit number": lambda _: "/customers/by-number/%00",
    **{path: (lambda _, path=path: path) for path in LISTS},
}


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_it_answers_as_it_would_in_a_transaction(
    credential: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = CREDENTIALS[credential](world)
    with world.tenant.server.client(key) as client:
        compare(client, [path(world) for path in PATHS.values()], monkeypatch)
        client.headers["x-tenant"] = "somebody-else"
        compare(client, [PATHS["id"](world)], monkeypatch)


def test_a_suspended_tenant_is_told_the_same(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_tenant(server) as tenant:
        customer = create_stub(tenant.client("owner"))
        with server.client(suspended(tenant)) as client:
            compare(client, [f"/customers/{customer['id']}"], monkeypatch)


def compare(client: httpx.Client, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = [seen(client.get(path)) for path in paths]
    with monkeypatch.context() as patched:
        patched.setattr(middleware, "_may_read_ahead", lambda *_: False)
        in_transaction = [seen(client.get(path)) for path in paths]
        patched.setattr(middleware, "lane_of", lambda _: None)
        ordinary = [seen(client.get(path)) for path in paths]
    assert ahead == in_transaction == ordinary


def seen(answer: httpx.Response) -> tuple[int, Any, dict[str, str]]:
    body = answer.json()
    body.pop("requestId", None)
    headers = {name: v for name, v in answer.headers.items() if name not in _DIFFERS}
    return answer.status_code, body, headers


@pytest.mark.parametrize(
    ("credential", "permission"),
    [
        ("no permission", "customers:read"),
        ("no scope", "customers:read"),
        ("expired", "customers:read"),
        ("revoked", "customers:read"),
        ("till", "keys:manage"),
    ],
)
def test_what_goes_along_meets_no_tenant_where_the_caller_is_refused(
    credential: str, permission: str, world: World
) -> None:
    """Otherwise what a refusal takes would tell what is there."""
    assert statement_after(world, CREDENTIALS[credential](world), permission) == "42501"


def test_what_goes_along_meets_no_tenant_where_it_is_suspended(server: Server) -> None:
    with make_tenant(server) as tenant:
        world = World(tenant, None, None, "", None)
        assert statement_after(world, suspended(tenant), "customers:read") == "42501"


def test_what_goes_along_reads_for_who_may(world: World) -> None:
    for credential in ("owner", "till", "masked"):
        key = CREDENTIALS[credential](world)
        assert statement_after(world, key, "customers:read") == str(world.tenant.id)
        assert statement_after(world, key, None) == str(world.tenant.id)


def statement_after(world: World, key: str, permission: str | None) -> str:
    """The tenant that it meets, or the error's SQLSTATE."""
    token = read_token(key)
    assert token is not None
    values = (token.tenant_id, token.hash, permission, permission and roles_with(permission))
    with (
        as_role(world.tenant.server.settings, "crm_app") as application,
        application.transaction(force_rollback=True),
    ):
        application.execute("select begin_with_key(%s, %s, %s, %s)", values)
        try:
            return str(application.execute("select current_tenant()").fetchone()[0])  # type: ignore[index]
        except psycopg.errors.InsufficientPrivilege as error:
            return error.sqlstate or ""


def test_roles_are_those_that_have_the_permission() -> None:
    assert roles_with("keys:manage") == "{owner,manager}"
    assert roles_with("no such thing") == "{}"
    assert set(roles_with("otp:send")[1:-1].split(",")) < set(ROLES)


# What one request costs at most: in round trips, whatever is sent in each.
TRIPS = {
    "/customers/{id}": 1,
    "/customers/by-number/{number}": 1,
    "/auth/me": 2,  # begin and authenticate, commit
    "/customers?profileStatus=stub&sort=-createdAt": 1,
    "/customers?locale=ar": 4,  # slow at any size: a time limit of its own
}


def without_budgets(settings: Settings) -> Settings:
    names = (f"requests_per_minute_{of}" for of in ("key", "tenant", "address"))
    return replace(settings, **dict.fromkeys(names, 0))


@pytest.mark.parametrize("path", TRIPS)
def test_round_trips_do_not_creep_back(path: str, settings: Settings) -> None:
    with counted_trips(without_budgets(settings)) as (server, trips), make_tenant(server) as tenant:
        client = tenant.client("owner")
        customer = create_stub(client, phone=new_phone())
        asked = path.format(id=customer["id"], number=customer["customerNumber"])
        for _ in range(7):  # connections are made, and psycopg prepares what it sees often
            assert client.get(asked).status_code == 200
        before = len(trips)
        assert client.get(asked).status_code == 200
        assert len(trips) - before == TRIPS[path]


def test_a_creation_is_two_round_trips(settings: Settings) -> None:
    """Begin, credential and claim of the Idempotency-Key; customer, answer and commit."""
    with counted_trips(without_budgets(settings)) as (server, trips), make_tenant(server) as tenant:
        till = tenant.client("pos")
        for attempt in range(7):
            before = len(trips)
            till.headers["Idempotency-Key"] = str(attempt)
            create_stub(till)
        assert len(trips) - before == 2


@contextmanager
def counted_trips(settings: Settings) -> Iterator[tuple[Server, list[bytes]]]:
    """A server behind a line that notes whenever the server speaks after it has listened."""
    trips: list[bytes] = []
    last: list[Direction] = ["answer"]

    def judge(direction: Direction, chunk: bytes) -> Fate:
        if direction == "request" and last[0] == "answer":
            trips.append(chunk)
        last[0] = direction
        return Fate.PASS

    with proxy_to(settings.owner_url.port or 5432) as proxy:
        proxy.judge = judge
        through = settings.owner_url.set(port=proxy.port)
        url = through.render_as_string(hide_password=False)
        with run_server(replace(settings, database_url=url)) as server:
            yield server, trips


def test_statements_of_a_hot_read(world: World) -> None:
    client = world.tenant.client("owner")
    heard: list[str] = []
    client.get(f"/customers/{world.customer['id']}")
    with statements_heard(heard.append):
        client.get(f"/customers/{world.customer['id']}")
    heard = [statement for statement in heard if "lease_requests" not in statement]
    assert len(heard) == 2
    assert "begin_with_key" in heard[0]
    assert "from org_customers_mst" in heard[1]
