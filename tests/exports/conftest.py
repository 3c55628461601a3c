import asyncio
from collections.abc import Callable, Iterator

import httpx
import pytest

from exports.making import Shop, make_waiting
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


@pytest.fixture
def shop(tenant: TestTenant) -> Shop:
    """A tenant whose exports are made when the test says so, past the queue."""
    return Shop(tenant, tenant.client("manager"), lambda: asyncio.run(make_waiting(tenant)))


@pytest.fixture
def own_shop(fresh_server: Server, run_jobs: Callable[[], None]) -> Iterator[Shop]:
    """On a database of the test's own, by the jobs of its queue."""
    with make_tenant(fresh_server) as tenant:
        yield Shop(tenant, tenant.client("manager"), run_jobs)
