"""Looking for duplicates among all customers of the main tenant."""

import time

from benchmarks.bulk import Caller, watching_memory
from benchmarks.contest import Bench
from benchmarks.results import Check, Row

_SECONDS_MAX, _MIB_MAX = 600, 2048
_UNFINISHED = {"waiting", "queued", "running"}


def measure(bench: Bench) -> list[Row]:
    caller = Caller(bench.product, bench.data.keys[0]["owner"])
    with watching_memory(bench.product.pids[1]) as memory:
        began = time.perf_counter()
        asked = caller.ask("POST", "/api/v1/duplicates/sweeps", {})
        ended = caller.await_end(
            f"/api/v1/duplicates/sweeps/{asked['id']}",
            unfinished=_UNFINISHED,
            say=lambda shown: bench.say(f"sweep: {shown.get('progress')}"),
        )
        seconds = time.perf_counter() - began
    row = Row(
        item="sweep",
        title=f"duplicate sweep of {bench.size.main:,} customers",
        figures={
            "time": f"{seconds:,.0f} s",
            "memory of the worker": f"{memory.before_mib:,.0f} MiB before, "
            f"{memory.peak_mib:,.0f} at most",
            "ended": f"{ended['status']}, {ended.get('progress')}",
        },
        checks=[
            Check("time", seconds, _SECONDS_MAX, at_least=False, unit="s"),
            Check("memory", memory.peak_mib, _MIB_MAX, at_least=False, unit="MiB"),
        ],
    )
    return [row]
