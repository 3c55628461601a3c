"""A connection is lent for a bounded time, also when what is at its other end says nothing."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from crm_saas.kit.budgets import Leases
from crm_saas.kit.db import Database, Pool, Scope, set_scope
from crm_saas.kit.errors import Unavailable
from crm_saas.kit.problems import database_problem
from crm_saas.kit.settings import Settings
from factories.proxies import Direction, Fate, Proxy, proxy_to

LOAN_SECONDS_MAX = 1.0
BOUND_SECONDS = 30


@pytest.fixture
def line(settings: Settings) -> Iterator[tuple[Settings, Proxy]]:
    """The database behind a line that can fall silent."""
    url = settings.owner_url
    with proxy_to(url.port or 5432) as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        yield replace(settings, database_url=through), proxy


async def ask(database: Database, pool: Pool) -> None:
    async with asyncio.timeout(BOUND_SECONDS), database.session(pool) as session:
        await session.execute(text("select 1"))


def test_silence_breaks_the_connection_and_the_pool_recovers(
    line: tuple[Settings, Proxy],
) -> None:
    settings, proxy = line

    async def go() -> None:
        database = Database(settings, loan_seconds_max=LOAN_SECONDS_MAX)
        await ask(database, "requests")
        proxy.judge = lambda _direction, _chunk: Fate.SWALLOW
        started_at = time.monotonic()
        with pytest.raises(DBAPIError) as broken:
            await ask(database, "requests")
        assert broken.value.connection_invalidated
        assert time.monotonic() - started_at >= LOAN_SECONDS_MAX
        proxy.judge = lambda _direction, _chunk: Fate.PASS
        await ask(database, "requests")
        await database.close()

    asyncio.run(go())


def test_a_connection_that_fell_silent_is_not_lent(line: tuple[Settings, Proxy]) -> None:
    """The pool's question has a bound of its own; the new connection is asked for real."""
    settings, proxy = line

    async def go() -> None:
        database = Database(settings, loan_seconds_max=BOUND_SECONDS)
        await ask(database, "asides")
        proxy.silence_all()
        await ask(database, "asides")
        await database.close()

    asyncio.run(go())


def test_a_pooler_whose_database_is_away_is_busy_and_no_fault_of_ours(
    line: tuple[Settings, Proxy],
) -> None:
    """PgBouncer lets in whom it remembers, and breaks off at the first statement."""
    settings, proxy = line

    def break_off(direction: Direction, chunk: bytes) -> Fate:
        return Fate.CUT if direction == "request" and chunk[:1] in (b"Q", b"P") else Fate.PASS

    async def go() -> None:
        database = Database(settings)
        pools: tuple[Pool, ...] = ("requests", "asides", "batches", "streams")
        for pool in pools:
            await ask(database, pool)
        proxy.judge = break_off
        for pool in pools:
            for _ in range(2):  # on a connection that was kept, and on a new one
                with pytest.raises(DBAPIError) as broken:
                    await ask(database, pool)
                assert isinstance(database_problem(broken.value), Unavailable)
        with pytest.raises(Unavailable):
            await Leases(database, window_seconds=60).spend(b"somebody", 100)
        proxy.judge = lambda _direction, _chunk: Fate.PASS
        await ask(database, "asides")
        await database.close()

    asyncio.run(go())


def test_what_is_given_back_in_time_lives_on(settings: Settings) -> None:
    async def go() -> None:
        database = Database(settings, loan_seconds_max=LOAN_SECONDS_MAX)
        pids = set()
        ends_at = time.monotonic() + 2 * LOAN_SECONDS_MAX
        while time.monotonic() < ends_at:
            async with database.session() as session:
                pids.add(await session.scalar(text("select pg_backend_pid()")))
        assert len(pids) == 1
        await database.close()

    asyncio.run(go())


def test_a_connection_with_an_open_transaction_is_not_lent_again(settings: Settings) -> None:
    """A COMMIT that fails before the server ends the transaction: cancelled as it begins."""

    async def go() -> list[str]:
        database = Database(replace(settings, pool_size=1))
        engine = database._engines["requests"].sync_engine
        scope = Scope(uuid4())
        event.listen(engine, "commit", _fail)
        with pytest.raises(InterruptedError):
            async with database.session() as session:
                await set_scope(session, scope)
                await session.commit()
        event.remove(engine, "commit", _fail)
        async with database.session() as session:
            left = await session.scalar(text("select current_setting('app.tenant_org_id', true)"))
        await database.close()
        return [left or ""]

    assert asyncio.run(go()) == [""]


def _fail(_connection: object) -> None:
    raise InterruptedError
