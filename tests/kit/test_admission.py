"""How much one process takes on, and how much of it for one caller."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import psycopg
import pytest

from crm_saas.kit.admission import Admission
from crm_saas.kit.db import STREAMS_MAX
from crm_saas.kit.errors import Overloaded
from crm_saas.kit.settings import Settings
from crm_saas.kit.shares import SHARES
from factories.database import as_role
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant

WAIT_SECONDS_MAX = 20


@contextmanager
def held_up(tenant: TestTenant, requests: int) -> Iterator[None]:
    """So many requests of the tenant wait for its number counter while the block runs."""
    settings = tenant.server.settings
    already = _blocked(settings)
    with ThreadPoolExecutor(requests) as pool, as_role(settings) as blocker:
        with blocker.transaction():
            blocker.execute(
                "select from org_number_counters where tenant_org_id = %s for update", [tenant.id]
            )
            waiting = [
                pool.submit(tenant.client("pos").post, "/customers", json={"type": "guest"})
                for _ in range(requests)
            ]
            _wait_until_blocked(settings, already + requests)
            yield
        assert [_status(answer) for answer in waiting] == [201] * requests


def _status(answer: "Future[httpx.Response]") -> int:
    return answer.result(WAIT_SECONDS_MAX).status_code


def _wait_until_blocked(settings: Settings, requests: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while _blocked(settings) < requests:
        assert time.monotonic() < deadline, f"no {requests} requests wait"


def _blocked(settings: Settings) -> int:
    # As crm_app, which is shown what its own sessions wait for.
    with as_role(settings, "crm_app") as watcher:
        [(count,)] = watcher.execute(
            "select count(*) from pg_stat_activity where usename = 'crm_app'"
            " and datname = current_database() and wait_event_type = 'Lock'"
        ).fetchall()
    return int(count)


@contextmanager
def serving(settings: Settings, **changes: object) -> Iterator[tuple[Server, list[TestTenant]]]:
    with ExitStack() as stack:
        server = stack.enter_context(run_server(replace(settings, **changes)))
        yield server, [stack.enter_context(make_tenant(server)) for _ in range(3)]


def me(tenant: TestTenant) -> httpx.Response:
    return tenant.client("owner").get("/auth/me")


def export(tenant: TestTenant) -> httpx.Response:
    return tenant.client("owner").get("/customers/export")


def test_overload_is_refused_at_once_and_health_stays_true(settings: Settings) -> None:
    with serving(settings, requests_in_flight_max=4) as (server, [one, two, three]):
        with held_up(one, 2), held_up(two, 4 - 2):
            refused = me(three)
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "1"
            assert refused.json()["type"].endswith("/overloaded")
            for path in ("/health/live", "/health/ready"):
                health = httpx.get(f"{server.url}{path}")
                assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert me(three).status_code == 200


def test_one_tenant_has_half_of_the_places(settings: Settings) -> None:
    with serving(settings, requests_in_flight_max=4) as (_, [one, two, _three]):
        with held_up(one, 2):
            assert me(one).status_code == 503
            assert me(two).status_code == 200
        assert me(one).status_code == 200


def test_one_tenant_has_half_of_the_connections(settings: Settings) -> None:
    """Whoever wants more waits for a moment; the others' connections are free."""
    changes = {"pool_size": 4, "pool_timeout_seconds": 0.3}
    with serving(settings, **changes) as (_, [one, two, three]):
        with held_up(one, 2):
            refused = me(one)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert me(two).status_code == 200
            with held_up(two, 2), ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(me, three)
                assert waiting.result(WAIT_SECONDS_MAX).status_code == 503  # all four are taken
        assert me(one).status_code == 200


def test_sessions_of_one_tenant_share_its_half(settings: Settings) -> None:
    """Anybody may sign in again; from its first answer on a session counts as its tenant's."""
    with (
        serving(settings, requests_in_flight_max=4) as (server, [one, two, _three]),
        signed_in(server, one) as first,
        signed_in(server, one) as second,
    ):
        sessions = (first, second)
        assert [session.get("/auth/me").status_code for session in sessions] == [200, 200]
        with held_up(one, 2):
            assert [session.get("/auth/me").status_code for session in sessions] == [503, 503]
            assert me(two).status_code == 200
        assert first.get("/auth/me").status_code == 200


def signed_in(server: Server, tenant: TestTenant) -> httpx.Client:
    who = {"email": tenant.member("owner").email, "password": "a long password"}
    with server.client() as nobody:
        answer = nobody.post("/auth/login", json=who)
    return server.client(answer.json()["token"])


def test_a_process_streams_four_exports(
    settings: Settings, owner_connection: psycopg.Connection
) -> None:
    """They stand still before their first row; a fifth is refused, and other requests are not."""
    with (
        serving(settings, pool_timeout_seconds=0.5) as (_, [one, two, three]),
        ThreadPoolExecutor(STREAMS_MAX) as pool,
    ):
        with owner_connection.transaction():
            owner_connection.execute("lock table org_customers_mst in access exclusive mode")
            held = [pool.submit(export, who) for who in [one, two] * (STREAMS_MAX // 2)]
            _wait_until_blocked(settings, STREAMS_MAX)
            refused = export(three)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert me(three).status_code == 200
        assert [_status(answer) for answer in held] == [200] * STREAMS_MAX


def test_one_tenant_has_half_of_the_exports(
    settings: Settings, owner_connection: psycopg.Connection
) -> None:
    half = STREAMS_MAX // SHARES
    with (
        serving(settings, pool_timeout_seconds=0.5) as (_, [one, two, _three]),
        ThreadPoolExecutor(STREAMS_MAX) as pool,
    ):
        with owner_connection.transaction():
            owner_connection.execute("lock table org_customers_mst in access exclusive mode")
            held = [pool.submit(export, one) for _ in range(half)]
            _wait_until_blocked(settings, half)
            assert export(one).status_code == 503
            held.append(pool.submit(export, two))
            _wait_until_blocked(settings, half + 1)
        assert [_status(answer) for answer in held] == [200] * (half + 1)
        assert export(one).status_code == 200


@pytest.mark.anyio
async def test_places_come_back() -> None:
    """After refusals, errors, cancellations and early releases alike."""
    admission = Admission(
        Settings(requests_in_flight_max=4, pool_size=2, pool_timeout_seconds=0.01)
    )

    async def once(caller: str) -> None:
        async with admission.connection(caller) as release:
            release()
            async with admission.connection(caller):  # what is released is free before the end
                with pytest.raises(Overloaded):
                    async with admission.connection(caller):
                        raise AssertionError
                raise ValueError(caller)

    for _ in range(3):
        for caller in ("one", "two"):
            with pytest.raises(ValueError, match=caller):
                await once(caller)
    async with admission.connection("one"):
        queued = asyncio.create_task(_hold(admission, "one"))
        await asyncio.sleep(0)
        queued.cancel()
        await asyncio.gather(queued, return_exceptions=True)
    assert (admission._in_flight, admission._connections._shares) == (0, {})


async def _hold(admission: Admission, caller: str) -> None:
    async with admission.connection(caller):
        raise AssertionError
