"""Statements that go to PostgreSQL together, past SQLAlchemy, on the connections of its pool."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from crm_saas.kit.db import Database
from crm_saas.kit.problems import RETRYABLE
from crm_saas.kit.settings import Settings
from crm_saas.kit.wire import BEGIN, COMMIT, Statement, Wire

ECHO = Statement("select %(value)s::text, %(number)s::bigint, %(id)s::uuid, %(names)s::text[]")
PID = Statement("select pg_backend_pid()").with_values()
SPOIL = Statement("insert into spoilt values (1)")
MAKE = Statement("create temporary table if not exists made (n int) on commit delete rows")
COUNT = Statement("select count(*) from made").with_values()
ADD = Statement("insert into made values (1)").with_values()
BOUND_SECONDS = 30


def on(settings: Settings, act: Callable[[Database], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        database = Database(replace(settings, pool_size=1))
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                return await act(database)
        finally:
            await database.close()

    return asyncio.run(go())


def on_a_wire(settings: Settings, act: Callable[[Wire], Awaitable[Any]]) -> Any:
    async def go(database: Database) -> Any:
        async with await database.borrow() as wire:
            return await act(wire)

    return on(settings, go)


@pytest.mark.parametrize("threshold", [5, None])
def test_values_arrive_as_they_were(settings: Settings, threshold: int | None) -> None:
    an_id = uuid4()
    values = {"value": "أمل 'x' %s", "number": -(2**40), "id": an_id, "names": ["a,b", '"']}

    async def go(wire: Wire) -> list[Any]:
        nothing = dict.fromkeys(values)
        rows = [await wire.fetch(ECHO.with_values(**values)) for _ in range(2)]
        return [*rows, await wire.fetch(ECHO.with_values(**nothing))]

    settings = replace(settings, prepare_threshold=threshold)
    once = [("أمل 'x' %s", -(2**40), an_id, ["a,b", '"'])]
    assert on_a_wire(settings, go) == [once, once, [(None, None, None, None)]]


def test_a_text_is_not_cut_at_its_nul(settings: Settings) -> None:
    values = {"value": "a\x00b", "number": 1, "id": None, "names": None}

    async def go(wire: Wire) -> None:
        with pytest.raises(DBAPIError):
            await wire.fetch(ECHO.with_values(**values))

    on_a_wire(settings, go)


def test_what_fails_undoes_what_was_sent_with_it(settings: Settings) -> None:
    async def go(wire: Wire) -> None:
        await wire.fetch(MAKE.with_values())
        await wire.driver.execute(
            "create temporary table spoilt (n int constraint x_uq unique); "
            "insert into spoilt values (1)"
        )
        await wire.driver.commit()
        added, spoilt, counted = await wire.send(ADD, SPOIL.with_values(), COUNT)
        assert added.rows() == []
        for failed in (spoilt, counted):
            with pytest.raises(IntegrityError) as error:
                failed.rows()
            assert error.value.orig.diag.constraint_name == "x_uq"  # type: ignore[union-attr]
        assert not wire.in_transaction
        assert await wire.fetch(COUNT) == [(0,)]

    on_a_wire(settings, go)


def test_what_cannot_be_prepared_says_so(settings: Settings) -> None:
    async def go(wire: Wire) -> None:
        for _ in range(2):
            with pytest.raises(ProgrammingError):
                await wire.fetch(Statement("select nothing_like_it").with_values())
        assert await wire.fetch(PID)

    on_a_wire(settings, go)


def test_an_error_shows_no_values(settings: Settings) -> None:
    values = {"value": "canary-1", "number": "canary-2", "id": None, "names": None}

    async def go(wire: Wire) -> str:
        with pytest.raises(DataError) as error:
            await wire.fetch(ECHO.with_values(**values))
        return str(error.value.params)

    assert "canary" not in on_a_wire(settings, go)


def test_what_nobody_committed_is_rolled_back_and_the_connection_lives(settings: Settings) -> None:
    async def go(database: Database) -> None:
        async with await database.borrow() as wire:
            await wire.fetch(MAKE.with_values())
            before = await wire.fetch(PID)
        async with await database.borrow() as wire:
            await wire.send(BEGIN, ADD)
            assert wire.in_transaction
        async with await database.borrow() as wire:
            assert await wire.fetch(PID) == before
            assert not wire.in_transaction

    on(settings, go)


def test_a_session_works_in_the_transaction_that_was_begun(settings: Settings) -> None:
    async def go(database: Database) -> None:
        async with await database.borrow() as wire, database.session_on(wire) as session:
            begun, numbered = await wire.send(
                BEGIN, Statement("select pg_current_xact_id()::text").with_values()
            )
            begun.rows()
            same = await session.scalar(text("select pg_current_xact_id()::text"))
            assert [(same,)] == numbered.rows()
            await session.commit()
            assert not wire.in_transaction

    on(settings, go)


def test_what_the_server_has_forgotten_is_prepared_again(settings: Settings) -> None:
    """A pooler put another server behind the connection, or psycopg has cleaned up."""

    async def go(wire: Wire) -> None:
        for _ in range(2):
            assert await wire.fetch(PID)
            await wire.driver.execute("deallocate all")
            await wire.driver.commit()
        begun, answered = await wire.send(BEGIN, PID)
        assert begun.rows() == []
        assert answered.rows()
        await wire.fetch(COMMIT)

    on_a_wire(settings, go)


def test_a_connection_that_broke_is_told_and_replaced(settings: Settings) -> None:
    end = Statement("select pg_terminate_backend(pg_backend_pid())").with_values()

    async def go(database: Database) -> None:
        async with await database.borrow() as wire:
            before = await wire.fetch(PID)
            with pytest.raises(DBAPIError) as broken:
                await wire.fetch(end)
            assert broken.value.connection_invalidated
        async with await database.borrow() as wire:
            assert await wire.fetch(PID) != before

    on(settings, go)


def test_who_is_cancelled_leaves_a_usable_pool(settings: Settings) -> None:
    sleep = Statement("select pg_sleep(60)").with_values()

    async def go(database: Database) -> None:
        async def wait() -> None:
            async with await database.borrow() as wire:
                await wire.send(BEGIN, sleep)

        task = asyncio.create_task(wait())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(task, 0.2)
        async with await database.borrow() as wire:
            assert not wire.in_transaction
            assert await wire.fetch(PID)

    on(settings, go)


def test_what_a_migration_has_outdated_is_left_behind(settings: Settings) -> None:
    everything = Statement("select * from made").with_values()

    async def go(database: Database) -> None:
        async with await database.borrow() as wire:
            before = await wire.fetch(PID)
            await wire.fetch(MAKE.with_values())
            await wire.fetch(everything)
            await wire.driver.execute("alter table made add column more int")
            await wire.driver.commit()
            with pytest.raises(DBAPIError) as outdated:
                await wire.fetch(everything)
            assert getattr(outdated.value.orig, "sqlstate", None) in RETRYABLE
        async with await database.borrow() as wire:
            assert await wire.fetch(PID) != before

    on(settings, go)


def test_what_is_prepared_already_is_used(settings: Settings) -> None:
    """Who had it prepared was cancelled before the answer came."""

    async def go(wire: Wire) -> None:
        assert await wire.fetch(PID)
        wire.lent.info.clear()
        again = Wire(wire.lent, prepares=True)
        assert await again.fetch(PID)
        begun, answered = await again.send(BEGIN, PID)
        assert begun.rows() == [] and answered.rows()
        await again.fetch(COMMIT)

    on_a_wire(settings, go)


def test_a_rollback_of_psycopgs_costs_no_request(settings: Settings) -> None:
    """It forgets all that was prepared, BEGIN and ROLLBACK among it."""

    async def go(wire: Wire) -> None:
        for _ in range(2):
            await wire.send(BEGIN, PID)
            await wire.roll_back()
            await wire.driver.execute("select 1")
            await wire.driver.execute("deallocate all")
            await wire.driver.rollback()
        begun, answered = await wire.send(BEGIN, PID)
        assert begun.rows() == [] and answered.rows()

    on_a_wire(settings, go)


def test_a_connection_that_was_given_back_is_left_alone(settings: Settings) -> None:
    async def go(database: Database) -> None:
        async with await database.borrow() as first:
            await first.give_back()
            async with await database.borrow() as second:
                assert second.driver is first.driver
                await second.send(BEGIN)
                assert not first.in_transaction
                with pytest.raises(RuntimeError):
                    await first.send(COMMIT)
                await first.roll_back()
                await first.give_back()
                assert second.in_transaction

    on(settings, go)


def test_one_that_broke_takes_the_others_of_its_pool_along(settings: Settings) -> None:
    """A server that was started anew has ended them all; three attempts would meet three more."""
    kill = Statement("select pg_terminate_backend(pg_backend_pid())").with_values()

    async def go() -> None:
        database = Database(replace(settings, pool_size=2))
        try:
            async with await database.borrow() as one, await database.borrow() as other:
                await one.fetch(PID)
                pid = await other.fetch(PID)
                with pytest.raises(DBAPIError):
                    await one.fetch(kill)
            async with await database.borrow() as one, await database.borrow() as other:
                assert pid not in (await one.fetch(PID), await other.fetch(PID))
        finally:
            await database.close()

    asyncio.run(go())
