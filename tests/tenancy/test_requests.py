"""One request, one transaction: nothing is told that was not saved."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas.kit.db import Database
from crm_saas.kit.errors import Unavailable
from crm_saas.kit.lending import _break
from crm_saas.kit.settings import Settings
from crm_saas.kit.wire import BEGIN
from crm_saas.tenancy.commits import commit
from factories.codes import new_mobile
from factories.customers import create_guest, new_phone
from factories.database import as_role, rows
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant

FAILS = "raise unique_violation using message = 'at commit'"
ENDS = "perform pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
def shop(fresh_server: Server) -> Iterator[TestTenant]:
    with make_tenant(fresh_server) as made:
        yield made


@contextmanager
def at_commit(owner: psycopg.Connection, what: str) -> Iterator[None]:
    """Runs PL/pgSQL when a transaction that made a customer commits."""
    owner.execute(
        f"""
        create function at_commit() returns trigger language plpgsql as $$
        begin {what}; return null; end $$;
        create constraint trigger at_commit after insert on org_customers_mst
        deferrable initially deferred for each row execute function at_commit();
        """.encode()
    )
    try:
        yield
    finally:
        owner.execute("drop function at_commit cascade")


def customers_of(tenant: TestTenant) -> int:
    [(count,)] = rows(tenant.server.settings, "select count(*) from org_customers_mst")
    return int(count)


@pytest.mark.parametrize(
    ("what", "status"), [(FAILS, 409), (ENDS, 503), ("raise exception 'odd'", 500)]
)
def test_a_commit_that_fails_is_never_a_success(
    shop: TestTenant, owner_connection: psycopg.Connection, what: str, status: int
) -> None:
    api = shop.client("owner")
    phone = new_phone()
    requests = [
        ("/customers", {"type": "guest"}),
        ("/customers/find-or-create", {"name": "Amal", "phone": phone}),
    ]
    with at_commit(owner_connection, what):
        for path, body in requests:
            for headers in ({}, {"Idempotency-Key": "a"}):
                answer = api.post(path, json=body, headers=headers)
                assert answer.status_code == status, answer.text
                assert answer.headers["Content-Type"].startswith("application/problem+json")
                assert "Location" not in answer.headers
        row = {"idempotencyKey": "a", "name": "Amal", "phone": phone}
        batch = api.post("/customers/batch", json={"rows": [row]}).json()
        assert [outcome["outcome"] for outcome in batch["outcomes"]] == ["refused"]
    assert customers_of(shop) == 0
    # The key of a request that failed is as good as new.
    for path, body in requests:
        again = api.post(path, json=body, headers={"Idempotency-Key": "a"})
        assert again.status_code == 201
        assert "Idempotency-Replayed" not in again.headers
    assert customers_of(shop) == 2
    numbers = rows(
        shop.server.settings, "select customer_seq from org_customers_mst order by customer_seq"
    )
    assert numbers == [(1,), (2,)]


def test_who_commits_in_vain_is_told_that_it_is_open(
    shop: TestTenant, owner_connection: psycopg.Connection
) -> None:
    with at_commit(owner_connection, ENDS):
        answer = shop.client().post("/customers", json={"type": "guest"})
    assert answer.status_code == 503
    assert "may or may not have been saved" in answer.json()["detail"]
    assert answer.headers["Retry-After"] == "1"


def test_connections_that_were_cut_are_replaced_unseen(shop: TestTenant) -> None:
    api = shop.client("owner")
    made = create_guest(api)
    with as_role(shop.server.settings, "crm_app") as connection:
        cut = connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = 'crm_app' and datname = current_database()"
            " and pid <> pg_backend_pid()"
        ).fetchall()
    assert cut
    assert all(ended for (ended,) in cut)
    assert api.get(f"/customers/{made['id']}").status_code == 200
    assert api.post("/customers", json={"type": "guest"}).status_code == 201


def test_the_session_variable_does_not_outlive_the_request(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    """Connections are shared: each request sees its own tenant, in any order."""
    ours, theirs = create_guest(tenant.client()), create_guest(other_tenant.client())
    for _ in range(15):
        for seen, hidden, client in (
            (ours, theirs, tenant.client()),
            (theirs, ours, other_tenant.client()),
        ):
            assert client.get(f"/customers/{seen['id']}").status_code == 200
            assert client.get(f"/customers/{hidden['id']}").status_code == 404


def test_without_a_credential_nothing_is_served(server: Server) -> None:
    with server.client() as nobody:
        for method, path in (
            ("GET", "/customers"),
            ("POST", "/customers"),
            ("GET", "/audit"),
            ("POST", "/customers/send-otp"),
            ("GET", "/customers/export"),
        ):
            answer = nobody.request(method, path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert httpx.get(f"{server.url}/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("made up", "127.0.0.1"),
        ("198.51.100.1, unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_who_asks(proxied: TestTenant, forwarded: str, address: str) -> None:
    device = proxied.client("publishable")
    headers = {"X-Forwarded-For": forwarded}
    body = {"phone": new_mobile()}
    sent = device.post("/customers/send-otp", json=body, headers=headers)
    assert sent.status_code == 202, sent.text
    owner = proxied.client("owner")
    create_guest(owner)
    owner.headers["X-Forwarded-For"] = forwarded
    create_guest(owner)
    assert owner.get("/audit").json()["items"][0]["address"] == address


def test_nobody_else_says_who_asks(tenant: TestTenant) -> None:
    owner = tenant.client("owner")
    owner.post("/customers", json={"type": "guest"}, headers={"X-Forwarded-For": "203.0.113.9"})
    assert owner.get("/audit").json()["items"][0]["address"] == "127.0.0.1"


@pytest.fixture(scope="module")
def proxied(shared_settings: Settings) -> Iterator[TestTenant]:
    """Behind a proxy on this machine."""
    settings = replace(shared_settings, trusted_proxies="127.0.0.0/8")
    with run_server(settings) as server, make_tenant(server) as made:
        yield made


def test_a_connection_that_broke_before_the_commit_is_no_fault_of_ours(settings: Settings) -> None:
    async def go() -> None:
        database = Database(settings)
        scope: Any = {"type": "http", "state": {"release": lambda: None}}
        try:
            async with await database.borrow() as wire, database.session_on(wire) as session:
                await (await session.connection()).invalidate()
                with pytest.raises(Unavailable):
                    await commit(session, wire, scope)
        finally:
            await database.close()

    asyncio.run(go())


def test_one_that_broke_beside_the_session_is_not_taken_for_saved(settings: Settings) -> None:
    async def go() -> None:
        database = Database(settings)
        scope: Any = {"type": "http", "state": {"release": lambda: None}}
        try:
            async with await database.borrow() as wire, database.session_on(wire) as session:
                (begun,) = await wire.send(BEGIN)
                assert begun.rows() == []
                _break(wire.driver.pgconn)
                with pytest.raises(Unavailable):
                    await commit(session, wire, scope)
        finally:
            await database.close()

    asyncio.run(go())


def test_what_was_let_go_is_committed_once(settings: Settings) -> None:
    async def go() -> None:
        database = Database(settings)
        released: list[bool] = []
        scope: Any = {"type": "http", "state": {"release": lambda: released.append(True)}}
        try:
            async with await database.borrow() as wire, database.session_on(wire) as session:
                await wire.send(BEGIN)
                for _ in range(2):
                    assert await commit(session, wire, scope) == {}
        finally:
            await database.close()
        assert released == [True]

    asyncio.run(go())
