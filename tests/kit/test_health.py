"""When a process asks for requests, and when it does not."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event

from crm_saas.kit import health
from crm_saas.kit.db import Database
from crm_saas.kit.draining import Drain
from crm_saas.kit.health import Readiness, shipped_revisions
from crm_saas.kit.settings import ROOT, Settings
from factories.servers import run_server
from factories.waiting import until


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


@pytest.mark.anyio
async def test_many_who_ask_share_one_look(
    shared_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of probes takes one connection, and is over by a second later."""
    database, drain = Database(shared_settings), Drain()
    readiness = Readiness(database, drain)
    with looks() as asked:
        assert await asyncio.gather(*[readiness.check() for _ in range(50)]) == ["ok"] * 50
        leaving = asyncio.create_task(readiness.check())
        leaving.cancel()
        assert await readiness.check() == "ok"
        assert len(asked) == 1
        drain.begun = True  # which is no look
        assert await readiness.check() == "stopping"
        monkeypatch.setattr(health, "KEPT_SECONDS", 0)
        await readiness.check()
        assert len(asked) == 2
    await database.close()


@contextmanager
def looks() -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement == "select 1":
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


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
        until(lambda: httpx.get(f"{server.url}/health/ready").status_code == 200)


def test_the_revisions_are_those_that_alembic_would_apply() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    assert shipped_revisions() == (set(scripts.get_heads()), known)


def test_a_process_loads_nothing_large_that_it_does_not_use() -> None:
    """There are as many processes as `--workers` says, and each has all that it loads."""
    looked = "import crm_saas.app, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", looked], check=True, capture_output=True)
    loaded = {name.partition(".")[0] for name in done.stdout.decode().split()}
    assert not loaded & {"alembic", "mako", "aiohttp", "requests", "duckdb", "openpyxl", "typst"}
