"""A real PostgreSQL, a real server, and a tenant or two for every test.

Tests share one server: a tenant of its own keeps each test apart, as it does customers. A test
that breaks its database, or needs the job queue to itself, asks for `settings`, a fresh copy.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from assurance import Assurance, Reached
from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings
from crm_saas.worker import open_queue
from factories.database import new_database
from factories.servers import Server, run_server
from factories.settings import roomy_settings
from factories.tenants import TestTenant, make_tenant
from recording_trigger import install_recording_trigger
from statement_rules import database_functions, refuse_faults
from statements import StatementLog

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # A client that gives up while it connects keeps its database from being dropped for so long.
    "authentication_timeout": "3s",
}

# Each process has a server of its own, and judges at its end the statements that it ran.
IS_ONE_OF_SEVERAL = "PYTEST_XDIST_WORKER" in os.environ
PROCESSES_MAX = 8
TESTS = Path(__file__).parent

SERVERS: list[tuple[EmbeddedPostgres, Path]] = []


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
                SERVERS.append((server, Path(folder) / "postgres" / "postgres.log"))
                yield server.url


@pytest.fixture(scope="session")
def server_log(owner_url: str) -> Path | None:
    """What PostgreSQL itself writes down, where that can be read."""
    return SERVERS[0][1] if SERVERS else None


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    """On a database of the test's own, where the server is ours."""
    if not SERVERS:
        pytest.skip("whose password the superuser of this server has, we do not know")
    url = make_url(SERVERS[0][0].superuser_url).set(database=settings.owner_url.database)
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        yield connection


@pytest.fixture(scope="session")
def template_database(owner_url: str) -> Iterator[str]:
    """Migrated once, copied for whoever needs a database."""
    if ready := os.environ.get("CRM_TEST_TEMPLATE"):  # of the run that started this one
        yield ready
        return
    with new_database(owner_url, "template") as url:
        migrate(Settings(database_url=url))
        with psycopg.connect(url, autocommit=True) as connection:
            install_recording_trigger(connection)
            functions = database_functions(connection)
        yield make_url(url).database or ""
        if IS_ONE_OF_SEVERAL:
            refuse_faults(STATEMENTS.statements, functions)


@pytest.fixture(scope="session")
def shared_settings(owner_url: str, template_database: str) -> Iterator[Settings]:
    with new_database(owner_url, "shared", template_database) as url:
        yield roomy_settings(url)


@pytest.fixture
def settings(owner_url: str, template_database: str) -> Iterator[Settings]:
    """A migrated database of the test's own."""
    with new_database(owner_url, "test", template_database) as url:
        yield roomy_settings(url)


@pytest.fixture
def owner_connection(settings: Settings) -> Iterator[psycopg.Connection]:
    """The schema's owner on a database of the test's own."""
    url = settings.owner_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


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


def pytest_xdist_auto_num_workers() -> int:
    """One a core; a server that was named has one set of roles, and so one process."""
    if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE"):
        return 0
    return min(PROCESSES_MAX, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts whole processes first, since it takes longest and nobody is to wait for it; what
    judges the whole run last."""
    items.sort(
        key=lambda item: (item.get_closest_marker("last") is not None, item.path.parent != TESTS)
    )
