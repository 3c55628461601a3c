"""Every customer of the main tenant as CSV, against COPY TO STDOUT of the same rows."""

import subprocess
import time
from statistics import median

from benchmarks.bulk import Caller, Memory, watching_memory
from benchmarks.contest import Bench
from benchmarks.dataset.people import tenant_id
from benchmarks.floors import database
from benchmarks.floors.statements import SELECTED
from benchmarks.results import Check, Row, share_of

_SHARE_MIN = 0.5
_GROWN_MIB_MAX = 64
_ROUNDS_MAX = 3
_PATH = "/api/v1/customers/export?format=csv"


def measure(bench: Bench) -> list[Row]:
    ours: list[float] = []
    theirs: list[float] = []
    memories: list[Memory] = []
    received = 0
    for turn in range(min(_ROUNDS_MAX, bench.size.rounds)):
        bench.say(f"export of {bench.size.main:,}: round {turn + 1}")
        with watching_memory(bench.product.pids[0]) as memory:
            began = time.perf_counter()
            received = Caller(bench.product, bench.data.keys[0]["owner"]).download(_PATH)
            ours.append(bench.size.main / (time.perf_counter() - began))
        memories.append(memory)
        theirs.append(bench.size.main / _copy_seconds(bench))
    share = share_of(ours, theirs)
    grown = max(memory.peak_mib for memory in memories) - memories[0].before_mib
    return [
        Row(
            item="export",
            title=f"export of {bench.size.main:,} customers as CSV",
            of_database=share,
            figures={
                "speed": f"{median(ours):,.0f} rows/s, {received / 2**20:,.0f} MiB",
                "COPY": f"{median(theirs):,.0f} rows/s",
                "memory of the API": f"{memories[0].before_mib:,.0f} MiB before, "
                f"{max(memory.peak_mib for memory in memories):,.0f} at most",
            },
            checks=[
                Check("of COPY", share.share, _SHARE_MIN, at_least=True),
                Check("memory grown", grown, _GROWN_MIB_MAX, at_least=False, unit="MiB"),
            ],
        )
    ]


def _copy_seconds(bench: Bench) -> float:
    columns = SELECTED.replace("c.", "")
    query = (
        f"copy (select {columns} from org_customers_mst where tenant_org_id = '{tenant_id(0)}'"
        " and status in ('active', 'inactive', 'blocked')) to stdout (format csv)"
    )
    began = time.perf_counter()
    subprocess.run(
        [database.program("psql"), "--quiet", "--no-psqlrc", "--command", query],
        env=database.environment(bench.data.superuser_url),
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=3600,
    )
    return time.perf_counter() - began
