"""Budgets over several processes, each with leases of its own: here several `Leases`."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
import pytest
from sqlalchemy import Engine, event

from crm_saas.kit import budgets
from crm_saas.kit.budgets import FIRST_LEASE, SHARE_OF_LIMIT, Leases
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Unavailable
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.tasks import forget_budgets
from factories.database import as_role

DAY = 86_400
pytestmark = pytest.mark.anyio


@asynccontextmanager
async def processes(
    settings: Settings, count: int, window_seconds: int = DAY
) -> AsyncIterator[list[Leases]]:
    databases = [Database(settings) for _ in range(count)]
    try:
        yield [Leases(database, window_seconds=window_seconds) for database in databases]
    finally:
        for database in databases:
            await database.close()


@contextmanager
def lease_calls() -> Iterator[list[str]]:
    calls: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "lease_requests" in statement:
            calls.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield calls
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def subject() -> bytes:
    return os.urandom(32)


async def spend_all(leases: Leases, who: bytes, limit: int) -> int:
    spent = 0
    while (await leases.spend(who, limit)).spent:
        spent += 1
        await asyncio.sleep(0)
    return spent


@pytest.mark.parametrize("limit", [1, 3, 100, 1_200])
async def test_together_they_spend_the_limit_and_no_more(
    shared_settings: Settings, limit: int
) -> None:
    async with processes(shared_settings, 4) as workers:
        who = subject()
        spent = await asyncio.gather(*[spend_all(w, who, limit) for w in workers for _ in range(8)])
        assert sum(spent) == limit


async def test_what_an_idle_process_holds_is_one_lease_at_the_most(
    shared_settings: Settings,
) -> None:
    async with processes(shared_settings, 4) as workers:
        who, limit, chance = subject(), 1_000, random.Random(1)  # noqa: S311
        spent = 0
        for _ in range(400):
            spent += (await chance.choice(workers).spend(who, limit)).spent
        spent += await spend_all(workers[0], who, limit)
        assert limit - 3 * (limit // SHARE_OF_LIMIT) <= spent <= limit


async def test_thousands_of_requests_are_some_leases(shared_settings: Settings) -> None:
    async with processes(shared_settings, 1) as [worker]:
        with lease_calls() as calls:
            assert await spend_all(worker, subject(), 6_000) == 6_000
    assert len(calls) <= 60


async def test_an_exhausted_budget_asks_nobody(shared_settings: Settings) -> None:
    async with processes(shared_settings, 1) as [worker]:
        who = subject()
        await spend_all(worker, who, 5)
        with lease_calls() as calls:
            for _ in range(100):
                balance = await worker.spend(who, 5)
                assert (balance.spent, balance.remaining) == (False, 0)
                assert 0 < balance.seconds_left <= DAY
        assert calls == []


async def test_requests_that_come_at_once_share_a_call(shared_settings: Settings) -> None:
    async with processes(shared_settings, 1) as [worker]:
        who = subject()
        with lease_calls() as calls:
            balances = await asyncio.gather(*[worker.spend(who, 1_000) for _ in range(FIRST_LEASE)])
        assert all(balance.spent for balance in balances)
        assert len(calls) == 1


async def test_all_units_or_none(shared_settings: Settings) -> None:
    async with processes(shared_settings, 2) as [one, other]:
        who = subject()
        assert (await one.spend(who, 100, 90)).spent
        assert not (await other.spend(who, 100, 11)).spent
        assert (await other.spend(who, 100, 10)).remaining == 0
        assert not (await one.spend(who, 100)).spent


async def test_what_is_given_back_can_be_spent(shared_settings: Settings) -> None:
    async with processes(shared_settings, 1) as [worker]:
        who = subject()
        balance = await worker.spend(who, 1)
        worker.give_back(who, balance)
        assert (await worker.spend(who, 1)).spent
        assert not (await worker.spend(who, 1)).spent


async def test_a_lease_ends_with_its_window(shared_settings: Settings) -> None:
    """Windows of a second: in none more than the limit, by the database's clock."""
    limit, who = 10, subject()
    async with processes(shared_settings, 2, window_seconds=1) as workers:
        spent_in: dict[int, int] = {}
        until = time.monotonic() + 2.2
        while time.monotonic() < until:
            for worker in workers:
                balance = await worker.spend(who, limit)
                if balance.spent:
                    spent_in[balance.window] = spent_in.get(balance.window, 0) + 1
                else:
                    await asyncio.sleep(min(balance.seconds_left, 0.05))
    assert len(spent_in) >= 2
    assert max(spent_in.values()) == limit


async def test_limits_that_change_hold_from_the_next_lease(shared_settings: Settings) -> None:
    async with processes(shared_settings, 2) as [one, other]:
        who = subject()
        assert await spend_all(one, who, 50) == 50
        assert await spend_all(other, who, 20) == 0
        async with processes(shared_settings, 1) as [third]:
            assert await spend_all(third, who, 60) == 10


async def test_without_the_database_nothing_is_spent() -> None:
    away = Settings(database_url="postgresql://crm_owner:x@127.0.0.1:1/crm")
    async with processes(away, 1) as [worker]:
        attempts = [worker.spend(subject(), 100) for _ in range(5)]
        ends = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(end) for end in ends] == [Unavailable] * 5


async def test_a_busy_subject_is_waited_for_within_bounds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds its row: the others are served, and this one is refused in the end."""
    monkeypatch.setattr(budgets, "LEASE_SECONDS_MAX", 0.3)
    with psycopg.connect(settings.url("crm_platform")) as platform:
        async with processes(settings, 1) as [worker]:
            who = subject()
            await worker.spend(who, 5)
            platform.execute("select from sys_request_budgets for update")
            held = asyncio.create_task(spend_all(worker, who, 5))
            assert (await worker.spend(subject(), 5)).spent
            with pytest.raises(Unavailable):
                await held
            platform.rollback()
            assert await spend_all(worker, who, 5) <= 4


async def test_memory_is_bounded(shared_settings: Settings) -> None:
    database = Database(shared_settings)
    leases = Leases(database, window_seconds=DAY, subjects_max=10)
    first = subject()
    await spend_all(leases, first, 5)
    for _ in range(30):
        await leases.spend(subject(), 5)
    assert len(leases._leases) == 10
    assert not (await leases.spend(first, 5)).spent  # forgotten here, not there
    await database.close()


async def test_windows_that_are_over_are_forgotten(settings: Settings) -> None:
    async with processes(settings, 1, window_seconds=60) as [worker]:
        await worker.spend(subject(), 5)
        with as_role(settings) as platform:
            platform.execute(
                "insert into sys_request_budgets values (%s, now() - interval '11 minutes', 1)",
                [subject()],
            )
            database = Database(settings, "crm_platform")
            await forget_budgets(database)
            await database.close()
            kept = platform.execute("select count(*) from sys_request_budgets").fetchone()
    assert kept == (1,)
