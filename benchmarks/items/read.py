"""Read one customer."""

from benchmarks.contest import Bench, Work, contest
from benchmarks.dataset.people import customer_id, tenant_id
from benchmarks.floors.database import read_script
from benchmarks.items.places import drawn, everybody
from benchmarks.load import Request, get
from benchmarks.results import Row

_REQUESTS = 5_000


def measure(bench: Bench) -> list[Row]:
    return [contest(bench, work(bench, connections)) for connections in (8, 32)]


def work(bench: Bench, connections: int) -> Work:
    def product() -> list[Request]:
        return [
            get(f"/api/v1/customers/{customer_id(tenant, place)}", bench.data.keys[tenant]["owner"])
            for tenant, place in drawn(bench, "read", _REQUESTS)
        ]

    def framework() -> list[Request]:
        return [
            get(f"/read/{tenant_id(tenant)}/{customer_id(tenant, place)}", "")
            for tenant, place in drawn(bench, "read", _REQUESTS)
        ]

    return Work(
        item="read",
        title=f"read one, {connections} connections",
        connections=connections,
        product=product,
        framework=framework,
        scripts=[(read_script(tenants), 1) for tenants in everybody(bench.size)],
        again=True,
        database_at_least=0.05,
        framework_at_least=0.6,
    )
