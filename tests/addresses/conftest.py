"""A customer with addresses in one tenant, and another's in another."""

import httpx
import pytest

from factories.customers import create_stub
from factories.tenants import TestTenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


@pytest.fixture
def foreign(other_tenant: TestTenant) -> httpx.Client:
    return other_tenant.client("manager")


@pytest.fixture
def addresses(api: httpx.Client) -> str:
    """The path of a new customer's addresses."""
    return f"/customers/{create_stub(api)['id']}/addresses"


@pytest.fixture
def foreign_addresses(foreign: httpx.Client) -> str:
    return f"/customers/{create_stub(foreign)['id']}/addresses"
