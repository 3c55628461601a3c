"""Find-or-create at the till, of a customer who is there."""

from benchmarks.contest import Bench, Work, contest
from benchmarks.dataset.people import phone_of, tenant_id
from benchmarks.floors.database import find_script
from benchmarks.items.places import drawn, everybody
from benchmarks.load import Request, get, post
from benchmarks.results import Row

_REQUESTS = 5_000
_PATH = "/api/v1/customers/find-or-create"


def measure(bench: Bench) -> list[Row]:
    def product() -> list[Request]:
        return [
            post(_PATH, bench.data.keys[tenant]["pos"], {"name": "Amal", "phone": phone})
            for tenant, phone in _phones(bench)
        ]

    def framework() -> list[Request]:
        return [get(f"/find/{tenant_id(tenant)}/{phone}", "") for tenant, phone in _phones(bench)]

    work = Work(
        item="find",
        title="find-or-create, matched, 8 connections",
        connections=8,
        product=product,
        framework=framework,
        scripts=[(find_script(tenants), 1) for tenants in everybody(bench.size)],
        again=True,
        framework_at_least=0.5,
    )
    return [contest(bench, work)]


def _phones(bench: Bench) -> list[tuple[int, str]]:
    """As find_script has them."""
    return [
        (tenant, phone_of(tenant, (place - 1) // 20 * 20 + 1))
        for tenant, place in drawn(bench, "find", _REQUESTS)
    ]
