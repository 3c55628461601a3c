"""When a process asks for requests, and when it does not."""

import asyncio

import httpx
import psycopg

from crm_saas.kit.db import Database
from crm_saas.kit.draining import Drain
from crm_saas.kit.health import Readiness, shipped_revisions
from crm_saas.kit.settings import Settings
from factories.servers import run_server


def ready(settings: Settings, drain: Drain | None = None) -> str:
    async def ask() -> str:
        database = Database(settings)
        try:
            return await Readiness(database, drain or Drain()).check()
        finally:
            await database.close()

    return asyncio.run(ask())


def test_a_database_of_an_older_version_is_waited_for(
    settings: Settings, owner_connection: psycopg.Connection
) -> None:
    assert ready(settings) == "ok"
    heads, known = shipped_revisions()
    older = sorted(known - heads)
    owner_connection.execute("delete from alembic_version")
    for revision in older[:1]:
        owner_connection.execute("insert into alembic_version values (%s)", [revision])
    assert ready(settings) == "the database waits for crm-saas migrate"
    owner_connection.execute("drop table alembic_version")
    assert ready(settings) == "the database waits for crm-saas migrate"


def test_a_database_of_a_newer_version_is_served(
    settings: Settings, owner_connection: psycopg.Connection
) -> None:
    """While a version is rolled out, the one before it serves on the new tables."""
    owner_connection.execute("update alembic_version set version_num = 'of tomorrow'")
    assert ready(settings) == "ok"


def test_a_process_that_stops_is_not_ready(settings: Settings) -> None:
    drain = Drain()
    drain.begun = True
    assert ready(settings, drain) == "stopping"


def test_readiness_follows_the_database(
    settings: Settings, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute("delete from alembic_version")
    with run_server(settings) as server:
        answer = httpx.get(f"{server.url}/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "the database waits for crm-saas migrate"}
        assert httpx.get(f"{server.url}/health/live").status_code == 200
        for revision in shipped_revisions()[0]:
            owner_connection.execute("insert into alembic_version values (%s)", [revision])
        assert httpx.get(f"{server.url}/health/ready").status_code == 200
