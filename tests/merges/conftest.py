from collections.abc import Callable

import httpx
import pytest

from crm_saas.kit.settings import Settings
from factories.comparing import run_jobs_and_compare
from factories.tenants import TestTenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


@pytest.fixture
def run_jobs(settings: Settings) -> Callable[[], None]:
    return lambda: run_jobs_and_compare(settings)
