"""One database and one server for all work of jobs, whose queue is theirs alone."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from crm_saas.bulk import chunks, service
from crm_saas.worker import open_queue
from factories.database import new_database
from factories.servers import Server, run_server
from factories.settings import roomy_settings
from factories.tenants import TestTenant, make_tenant


@pytest.fixture(scope="package")
def bulk_server(owner_url: str, template_database: str) -> Iterator[Server]:
    with (
        new_database(owner_url, "bulk", template_database) as url,
        run_server(roomy_settings(url)) as running,
    ):
        yield running


@pytest.fixture
def run_jobs(bulk_server: Server) -> Callable[[], None]:
    async def drain() -> None:
        async with open_queue(bulk_server.settings) as queue:
            await queue.run_pending()

    return lambda: asyncio.run(drain())


@pytest.fixture
def shop(bulk_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestTenant]:
    """Where four are too many for one request, and a job takes three at once."""
    monkeypatch.setattr(service, "AT_ONCE_MAX", 3)
    monkeypatch.setattr(service, "CHUNK_ROWS", 3)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    with make_tenant(bulk_server) as made:
        yield made
