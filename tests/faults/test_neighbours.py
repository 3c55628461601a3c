"""A tenant at its limit, as its neighbours on the same process feel it."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from assurance import Reached
from crm_saas import operator
from crm_saas.kit.settings import Settings
from factories.customers import create_guest
from factories.served import serving
from factories.tenants import TestTenant, make_tenant
from sizes import sized

ROUNDS = sized(short=5, long=15)
REQUESTS = sized(short=100, long=300)
CONNECTIONS = 8
RATIO_MAX = 2.0


def test_a_tenant_at_its_limit_moves_others_by_less_than_twice(
    settings: Settings, reached: Reached
) -> None:
    """Rounds alone and beside it take turns, so that what else the machine does falls on both.

    The noisy one keeps asking as fast as it is refused. The quiet one reads as tills do.
    """
    unlimited = {"CRM_REQUESTS_PER_MINUTE_ADDRESS": "0"}
    with (
        serving(settings, CRM_REQUESTS_PER_MINUTE_KEY="60", **unlimited) as server,
        make_tenant(server) as noisy,
        make_tenant(server) as quiet,
    ):
        _free_of_limits(quiet)
        for _ in range(50):
            create_guest(quiet.client())
        alone, beside = [], []
        _p95(quiet)
        for _ in range(ROUNDS):
            alone.append(_p95(quiet))
            with _noise(noisy):
                beside.append(_p95(quiet))
    ratio = statistics.median(beside) / statistics.median(alone)
    reached("requests beside a tenant at its limit", ROUNDS * REQUESTS)
    reached("p95 beside a tenant at its limit, against alone", f"{ratio:.2f}×")
    assert ratio < RATIO_MAX, (alone, beside)


def _free_of_limits(tenant: TestTenant) -> None:
    none = {"requests_per_minute": 0, "requests_per_minute_key": 0}
    asyncio.run(operator.configure_tenant(tenant.server.settings, slug=tenant.slug, policies=none))


@contextmanager
def _noise(tenant: TestTenant) -> Iterator[None]:
    """Until the end of the block the tenant asks in vain."""
    key = tenant.client().headers["Authorization"].removeprefix("Bearer ")
    script = Path(__file__).with_name("noise.py")
    command = [sys.executable, str(script), tenant.server.url, key, str(CONNECTIONS)]
    with subprocess.Popen(command) as process:
        try:
            while _me(tenant) != 429:
                pass
            yield
        finally:
            process.kill()


def _me(tenant: TestTenant) -> int:
    return tenant.client().get("/auth/me").status_code


def _p95(tenant: TestTenant) -> float:
    """Of one till that asks one thing after the other, in seconds."""
    seconds = []
    for _ in range(REQUESTS):
        started_at = time.perf_counter()
        answer: httpx.Response = tenant.client().get("/customers?limit=20")
        seconds.append(time.perf_counter() - started_at)
        assert answer.status_code == 200
    return statistics.quantiles(seconds, n=20)[-1]
