"""A real PostgreSQL, a real server, and a tenant or two for every test.

Tests share one server: a tenant of its own keeps each test apart, as it does customers. A test
that breaks its database, or needs the job queue to itself, asks for `settings`, a fresh copy.
"""

import asyncio
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from assurance import Assurance, Reached
from crm_saas.kit.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings
from crm_saas.worker import open_queue
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant
from recording_trigger import install_recording_trigger
from statements import StatementLog

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # A client that gives up while it connects keeps its database from being dropped for so long.
    "authentication_timeout": "3s",
}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def owner_url() -> Iterator[str]:
    """DATABASE_URL, a container with DATABASE=testcontainers, or else the embedded server."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
    elif os.environ.get("DATABASE") == "testcontainers":
        from factories.containers import postgres_container

        with postgres_container() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)  # as root, the server runs as somebody else
            server = EmbeddedPostgres(
                Path(folder) / "postgres", options=FAST | {"max_connections": "200"}
            )
            with server:
                yield server.url


@pytest.fixture(scope="session")
def template_database(owner_url: str) -> Iterator[str]:
    """Migrated once, copied for whoever needs a database."""
    with _database(owner_url, "template") as url:
        migrate(Settings(database_url=url))
        with psycopg.connect(url, autocommit=True) as connection:
            install_recording_trigger(connection)
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def shared_settings(owner_url: str, template_database: str) -> Iterator[Settings]:
    with _database(owner_url, "shared", template_database) as url:
        yield Settings(database_url=url)


@pytest.fixture
def settings(owner_url: str, template_database: str) -> Iterator[Settings]:
    """A migrated database of the test's own."""
    with _database(owner_url, "test", template_database) as url:
        yield Settings(database_url=url)


@pytest.fixture
def owner_connection(settings: Settings) -> Iterator[psycopg.Connection]:
    """The schema's owner on a database of the test's own."""
    url = settings.owner_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@contextmanager
def _database(owner_url: str, purpose: str, template: str | None = None) -> Iterator[str]:
    name = f"crm_{purpose}_{uuid.uuid4().hex[:12]}"
    copied = f"template {template} strategy file_copy" if template else ""
    admin_url = make_url(owner_url)
    with psycopg.connect(
        admin_url.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(f"create database {name} {copied}".encode())
        try:
            yield admin_url.set(database=name).render_as_string(hide_password=False)
        finally:
            _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """PostgreSQL waits five seconds for connections that are about to end. One that a cancelled
    attempt to connect has left open lives as long as this process; its database stays behind."""
    with suppress(psycopg.errors.ObjectInUse):
        connection.execute(f"drop database {name}".encode())


@pytest.fixture(scope="session")
def server(shared_settings: Settings) -> Iterator[Server]:
    with run_server(shared_settings) as running:
        yield running


@pytest.fixture
def fresh_server(settings: Settings) -> Iterator[Server]:
    """A server on a database of the test's own."""
    with run_server(settings) as running:
        yield running


@pytest.fixture
def tenant(server: Server) -> Iterator[TestTenant]:
    with make_tenant(server) as made:
        yield made


@pytest.fixture
def other_tenant(server: Server) -> Iterator[TestTenant]:
    with make_tenant(server) as made:
        yield made


@pytest.fixture
def run_jobs(settings: Settings) -> Callable[[], None]:
    """Runs what waits in the queue of this test's own database, in this process."""

    async def drain() -> None:
        async with open_queue(settings) as queue:
            await queue.run_pending()

    return lambda: asyncio.run(drain())


ASSURANCE = Assurance()
STATEMENTS = StatementLog()


@pytest.fixture(scope="session")
def reached() -> Reached:
    """Counts what a test tried, for docs/assurance.md."""
    return ASSURANCE.reached


@pytest.fixture(scope="session")
def statement_log() -> StatementLog:
    """Every statement that the application's role has run in this session so far."""
    return STATEMENTS


def pytest_configure(config: pytest.Config) -> None:
    STATEMENTS.listen()
    config.pluginmanager.register(ASSURANCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What judges the whole run comes last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
