"""One database and one server for all tests of imports, whose queue is theirs alone."""

import asyncio
from collections.abc import Callable, Iterator

import httpx
import pytest

from crm_saas.worker import open_queue
from factories.database import new_database
from factories.imports import Importing, as_csv, upload
from factories.servers import Server, run_server
from factories.settings import roomy_settings
from factories.tenants import TestTenant, make_tenant


@pytest.fixture(scope="package")
def import_server(owner_url: str, template_database: str) -> Iterator[Server]:
    with (
        new_database(owner_url, "imports", template_database) as url,
        run_server(roomy_settings(url)) as running,
    ):
        yield running


@pytest.fixture
def run_jobs(import_server: Server) -> Callable[[], None]:
    async def drain() -> None:
        async with open_queue(import_server.settings) as queue:
            await queue.run_pending()

    return lambda: asyncio.run(drain())


@pytest.fixture
def own(import_server: Server) -> Iterator[TestTenant]:
    with make_tenant(import_server) as made:
        yield made


@pytest.fixture
def api(own: TestTenant) -> httpx.Client:
    return own.client("owner")


@pytest.fixture
def begin(api: httpx.Client, run_jobs: Callable[[], None]) -> Callable[..., Importing]:
    """An import of these rows, the header first."""

    def begin(*rows: list[str], **query: str) -> Importing:
        return Importing(api, run_jobs, upload(api, as_csv(rows), **query)["id"])

    return begin
