from collections.abc import Callable, Iterator

import httpx
import pytest

from factories.imports import Importing, as_csv, upload
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


@pytest.fixture
def own(fresh_server: Server) -> Iterator[TestTenant]:
    """A tenant on a database whose queue is this test's own."""
    with make_tenant(fresh_server) as made:
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
