"""Memory of the API and the worker, after all that was asked of them."""

from benchmarks.contest import Bench
from benchmarks.machine import memory_mib
from benchmarks.results import Check, Row

_MIB_MAX = 400


def measure(bench: Bench) -> list[Row]:
    mib = memory_mib(bench.product.pids)
    return [
        Row(
            item="memory",
            title="memory of the API (2 processes) and the worker, summed",
            figures={"memory": f"{mib:,.0f} MiB"},
            checks=[Check("memory", mib, _MIB_MAX, at_least=False, unit="MiB")],
        )
    ]
