import httpx
import pytest

from factories.tenants import TestTenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")
