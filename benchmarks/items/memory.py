"""Memory of the API and the worker, after all that was asked of them."""

from benchmarks.contest import Bench
from benchmarks.machine import memories_mib
from benchmarks.results import Check, Row

_MIB_MAX = 400


def measure(bench: Bench) -> list[Row]:
    api, worker = bench.product.pids
    of_api, of_worker = memories_mib([api]), memories_mib([worker])
    mib = sum(of_api) + sum(of_worker)
    return [
        Row(
            item="memory",
            title="memory of the API (2 processes) and the worker, summed",
            figures={
                "memory": f"{mib:,.0f} MiB",
                "API": " + ".join(f"{part:,.0f}" for part in of_api),
                "worker": f"{sum(of_worker):,.0f}",
            },
            checks=[Check("memory", mib, _MIB_MAX, at_least=False, unit="MiB")],
        )
    ]
