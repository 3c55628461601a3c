"""Budgets of requests as a caller meets them. Windows of a day, where none may end meanwhile."""

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas import operator
from crm_saas.kit import budgets
from crm_saas.kit.networks import network_of
from crm_saas.kit.settings import Settings
from crm_saas.kit.tokens import new_token
from crm_saas.tenancy import limits
from factories.customers import new_phone
from factories.database import rows
from factories.sent import statements_heard
from factories.servers import Server, run_server
from factories.tenants import make_tenant

DAY = 86_400


@contextmanager
def limited(settings: Settings, **changes: Any) -> Iterator[Server]:
    """A server with budgets of its own, on the same database."""
    changes = {"budget_window_seconds": DAY} | {
        name if name in Settings.__dataclass_fields__ else f"requests_per_minute_{name}": value
        for name, value in changes.items()
    }
    with run_server(replace(settings, **changes)) as server:
        yield server


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    seen: list[str] = []
    with statements_heard(seen.append):
        yield seen


def me(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.get("/auth/me", headers=headers)


def served(client: httpx.Client, tries: int, **headers: str) -> int:
    """How many of so many requests were not refused for their number."""
    statuses = [me(client, **headers).status_code for _ in range(tries)]
    return sum(status != 429 for status in statuses)


def remaining(answer: httpx.Response) -> dict[str, int]:
    found = re.findall(r'"(\w+)";r=(\d+);t=\d+', answer.headers["RateLimit"])
    return {name: int(number) for name, number in found}


def test_answers_say_how_the_budgets_stand(shared_settings: Settings) -> None:
    with limited(shared_settings, key=5, tenant=8) as server, make_tenant(server) as tenant:
        api = tenant.client("owner")
        policy = '"key";q=5;w=86400, "tenant";q=8;w=86400'
        for left, answer in (
            (4, me(api)),
            (3, api.get("/customers/by-number/NOBODY")),
            (2, api.post("/customers", json={"name": "Amal", "phone": "12"})),
            (1, api.post("/customers", json={"type": "guest"}, headers={"Idempotency-Key": "a"})),
            (0, api.post("/customers", json={"type": "guest"}, headers={"Idempotency-Key": "a"})),
        ):
            assert answer.headers["RateLimit-Policy"] == policy
            found = re.fullmatch(
                rf'"key";r={left};t=(\d+), "tenant";r={left + 3};t=(\d+)',
                answer.headers["RateLimit"],
            )
            assert found, answer.headers["RateLimit"]
            assert all(1 <= int(seconds) <= DAY for seconds in found.groups())
        refused = me(api)
    assert refused.status_code == 429
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    problem = refused.json()
    assert problem["type"].endswith("/request-budget-exhausted")
    assert problem["detail"].startswith("One key or session may make 5 requests in 86400 seconds.")
    assert refused.headers["RateLimit-Policy"] == '"key";q=5;w=86400'
    assert refused.headers["RateLimit"] == f'"key";r=0;t={refused.headers["Retry-After"]}'


def test_a_key_spends_neither_anothers_nor_another_tenants(shared_settings: Settings) -> None:
    with (
        limited(shared_settings, key=5, tenant=8) as server,
        make_tenant(server) as tenant,
        make_tenant(server) as other,
    ):
        assert served(tenant.client("owner"), 9) == 5
        assert served(tenant.client("pos"), 9) == 3
        refused = me(tenant.client("pos"))
        assert refused.headers["RateLimit-Policy"] == '"tenant";q=8;w=86400'
        assert served(tenant.client("support"), 3) == 0
        assert served(other.client("owner"), 5) == 5


def test_two_servers_share_a_budget(shared_settings: Settings) -> None:
    with (
        limited(shared_settings, key=100) as one,
        limited(shared_settings, key=100) as other,
        make_tenant(one) as tenant,
        other.client(tenant.key()) as elsewhere,
        one.client(elsewhere.headers["Authorization"].removeprefix("Bearer ")) as here,
        ThreadPoolExecutor(8) as pool,
    ):
        counts = list(pool.map(lambda client: served(client, 20), [here, elsewhere] * 4))
        assert sum(counts) <= 100
        assert sum(counts) + served(here, 20) + served(elsewhere, 20) == 100


def test_requests_write_nothing(shared_settings: Settings) -> None:
    """300 requests: some leases of three budgets, and nothing else that writes."""
    with limited(shared_settings, key=10_000) as server, make_tenant(server) as tenant:
        api = tenant.client("owner")
        with counted_statements() as seen:
            assert served(api, 300) == 300
    assert sum("begin_with_key" in statement for statement in seen) == 300
    assert sum("lease_requests" in statement for statement in seen) <= 30
    assert not [s for s in seen if re.match(r"\s*(insert|update|delete)", s, re.IGNORECASE)]


def test_who_is_exhausted_costs_no_statement(shared_settings: Settings) -> None:
    with limited(shared_settings, key=5) as server, make_tenant(server) as tenant:
        api = tenant.client("owner")
        assert served(api, 6) == 5
        with counted_statements() as seen:
            assert served(api, 20) == 0
    assert seen == []


def test_who_is_held_back_holds_no_place(
    shared_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More refused requests wait than the process has places, and others are served meanwhile."""
    monkeypatch.setattr(limits, "HELD_BACK_SECONDS", 1)
    monkeypatch.setattr(limits, "HELD_BACK_MAX", 4)
    with (
        limited(shared_settings, key=1, requests_in_flight_max=2) as server,
        make_tenant(server) as noisy,
        make_tenant(server) as quiet,
        ThreadPoolExecutor(4) as pool,
    ):
        api, other = noisy.client("owner"), quiet.client("owner")
        assert served(api, 2) == 1
        held = [pool.submit(me, api) for _ in range(4)]
        assert me(other).status_code == 200
        assert {answer.result().status_code for answer in held} == {429}


def test_memory_refuses_and_never_admits(shared_settings: Settings) -> None:
    """A key that is revoked while it is exhausted stays refused, here and elsewhere."""
    with (
        limited(shared_settings, key=5) as server,
        limited(shared_settings, key=5) as other,
        make_tenant(server) as tenant,
    ):
        owner, till = tenant.client("owner"), tenant.client("pos")
        key_id = me(till).json()["id"]
        assert served(till, 5) == 4
        assert owner.delete(f"/keys/{key_id}").is_success
        assert me(till).status_code == 429
        with other.client(till.headers["Authorization"].removeprefix("Bearer ")) as elsewhere:
            assert me(elsewhere).status_code == 401


def test_a_new_window_is_a_new_budget(shared_settings: Settings) -> None:
    with (
        limited(shared_settings, key=3, budget_window_seconds=1) as server,
        make_tenant(server) as tenant,
    ):
        api = tenant.client("owner")
        for _ in range(2):
            _until(api, 429)
            _until(api, 200)


def _until(client: httpx.Client, status: int) -> None:
    deadline = time.monotonic() + 10
    while (answer := me(client)).status_code != status:
        assert time.monotonic() < deadline
        if answer.status_code == 429:
            assert answer.headers["Retry-After"] == "1"


def test_an_operator_may_give_a_tenant_its_own(shared_settings: Settings) -> None:
    with (
        limited(shared_settings, key=5, tenant=5) as server,
        make_tenant(server) as tenant,
        make_tenant(server) as other,
    ):
        policies = {"requests_per_minute": 9, "requests_per_minute_key": 7}
        asyncio.run(operator.configure_tenant(server.settings, slug=tenant.slug, policies=policies))
        assert served(tenant.client("owner"), 10) == 7
        assert served(tenant.client("pos"), 10) == 2
        assert served(other.client("owner"), 10) == 5
        none = {"requests_per_minute": 0, "requests_per_minute_key": 0}
        asyncio.run(operator.configure_tenant(server.settings, slug=tenant.slug, policies=none))
        answer = me(tenant.client("support"))
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers


def test_a_batch_counts_its_rows(shared_settings: Settings) -> None:
    with limited(shared_settings, key=10) as server, make_tenant(server) as tenant:
        till = tenant.client("pos")

        def batch(count: int) -> httpx.Response:
            batch_rows = [
                {"idempotencyKey": str(number), "name": "A", "phone": new_phone()}
                for number in range(count)
            ]
            return till.post("/customers/batch", json={"rows": batch_rows})

        assert remaining(batch(4))["key"] == 6
        refused = batch(8)
        assert (refused.status_code, refused.headers["RateLimit"][:8]) == (429, '"key";r=')
        assert "This one counts as 7." in refused.json()["detail"]
        assert rows(
            server.settings,
            "select count(*) from org_customers_mst where tenant_org_id = %s",
            tenant.id,
        ) == [(4,)]
        assert remaining(batch(5))["key"] == 0


# Addresses


def test_one_address_does_not_spend_anothers(shared_settings: Settings) -> None:
    with (
        limited(shared_settings, address=5, trusted_proxies="127.0.0.0/8") as server,
        make_tenant(server) as tenant,
    ):
        api = tenant.client("owner")
        assert served(api, 9, **{"X-Forwarded-For": "203.0.113.77"}) == 5
        assert served(api, 9, **{"X-Forwarded-For": "203.0.113.78"}) == 5
        refused = me(api, **{"X-Forwarded-For": "203.0.113.77"})
        assert refused.headers["RateLimit-Policy"] == '"address";q=5;w=86400'
        # One customer of a provider has a /64.
        assert served(api, 5, **{"X-Forwarded-For": "2001:db8:7:7::1"}) == 5
        assert served(api, 5, **{"X-Forwarded-For": "2001:db8:7:7:ffff::2"}) == 0
        assert served(api, 5, **{"X-Forwarded-For": "2001:db8:7:8::1"}) == 5


def test_a_made_up_address_buys_nothing(settings: Settings) -> None:
    with limited(settings, address=20) as server, make_tenant(server) as tenant:
        api = tenant.client("owner")
        answers = [me(api, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(30)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 10


def test_guessing_is_bounded_and_spends_nothing_of_the_tenants(settings: Settings) -> None:
    with limited(settings, address=20, key=50, tenant=50) as server, make_tenant(server) as tenant:
        statuses = []
        for _ in range(25):
            with server.client(new_token("sk", tenant.id).text) as guesser:
                statuses.append(me(guesser).status_code)
        assert statuses == [401] * 20 + [429] * 5
        assert rows(settings, "select count(*) from sys_request_budgets") == [(1,)]
        with (
            limited(settings, key=50, tenant=50) as elsewhere,
            elsewhere.client(tenant.key()) as client,
        ):
            answer = me(client)
            assert remaining(answer) == {"key": 49, "tenant": 49}


def test_public_routes_count_and_health_does_not(settings: Settings) -> None:
    with limited(settings, address=3) as server, server.client() as nobody:
        body = {"email": "nobody@example.com", "password": "a long password"}
        statuses = [nobody.post("/auth/login", json=body).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert nobody.get("/openapi.json").status_code == 200
        for path in ("/health/live", "/health/ready") * 5:
            assert httpx.get(f"{server.url}{path}").status_code == 200


def test_who_is_exhausted_does_not_spend_the_address(settings: Settings) -> None:
    """Two tenants behind one address: the noisy one does not use up what both need."""
    with (
        limited(settings, key=5, address=20) as server,
        make_tenant(server) as noisy,
        make_tenant(server) as quiet,
    ):
        assert served(noisy.client("owner"), 30) == 5
        assert served(quiet.client("owner"), 5) == 5


def test_devices_of_one_network_have_a_tenth_of_a_public_key(shared_settings: Settings) -> None:
    with (
        limited(shared_settings, key=50, tenant=100, trusted_proxies="127.0.0.0/8") as server,
        make_tenant(server) as tenant,
    ):
        device = tenant.client("publishable")
        answer = me(device, **{"X-Forwarded-For": "203.0.113.1"})
        assert answer.headers["RateLimit-Policy"] == '"device";q=5;w=86400'
        assert list(remaining(answer)) == ["device"]  # not how busy the business is
        assert served(device, 9, **{"X-Forwarded-For": "203.0.113.200"}) == 4
        assert served(device, 9, **{"X-Forwarded-For": "203.0.114.1"}) == 5
        assert served(tenant.client("pos"), 9) == 9


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("/run/socket", "/run/socket"),
    ],
)
def test_what_counts_as_one_address(address: str | None, network: str) -> None:
    assert network_of(address, v4_bits=32) == network


# When the database is away


def test_what_cannot_be_counted_is_not_served(settings: Settings) -> None:
    with limited(settings, key=40) as server, make_tenant(server) as tenant:
        api = tenant.client("owner")
        assert me(api).status_code == 200
        with _without_leases(settings):
            answers = [me(api) for _ in range(4)]
            late = [answer for answer in answers if answer.status_code != 200]
            assert late
            assert {answer.status_code for answer in late} == {503}
            assert all(answer.headers["Retry-After"] == "1" for answer in late)
        assert me(api).status_code == 200


@contextmanager
def _without_leases(settings: Settings) -> Iterator[None]:
    """The rows of all budgets are locked: no lease is to be had in time."""
    before, budgets.LEASE_SECONDS_MAX = budgets.LEASE_SECONDS_MAX, 0.05
    try:
        with psycopg.connect(settings.url("crm_platform")) as platform:
            platform.execute("select from sys_request_budgets for update")
            yield
            platform.rollback()
    finally:
        budgets.LEASE_SECONDS_MAX = before
