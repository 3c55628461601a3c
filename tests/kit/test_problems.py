"""What an error of the database tells, and what it keeps."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm_saas.kit.db import Database
from crm_saas.kit.problems import database_problem
from crm_saas.kit.settings import Settings

CANARY = "canary-5f1c"


@pytest.mark.parametrize(
    "statement",
    [
        f"select '{CANARY}'::uuid",
        f"select 1 / length('{CANARY}') - 1 / (length('{CANARY}') - {len(CANARY)})",
        f"insert into t values ('{CANARY}')",
        f"insert into u values ('{CANARY}')",
        f'select "{CANARY}"',
        f"do $$ begin raise insufficient_privilege using message = '{CANARY}'; end $$",
    ],
)
def test_no_problem_repeats_the_database(
    statement: str, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute("create temporary table t (v text unique)")
    owner_connection.execute("insert into t values (%s)", [CANARY])
    owner_connection.execute("create temporary table u (v text check (v = 'a'))")
    with pytest.raises(psycopg.Error) as raised:
        owner_connection.execute(statement.encode())
    problem = database_problem(raised.value)
    assert CANARY not in f"{problem} {problem.detail} {problem.fields} {problem.extra}"
    assert str(raised.value).splitlines()[0] not in problem.detail


def test_an_error_does_not_show_its_parameters(shared_settings: Settings) -> None:
    async def fail() -> None:
        database = Database(shared_settings)
        try:
            async with database.transaction(None) as session:
                await session.execute(text("select cast(:value as text), 1 / 0"), {"value": CANARY})
        finally:
            await database.close()

    with pytest.raises(DBAPIError) as raised:
        asyncio.run(fail())
    assert "division by zero" in str(raised.value)
    assert CANARY not in str(raised.value)
