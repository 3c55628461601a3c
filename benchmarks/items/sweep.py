"""Looking for duplicates: how long it takes in the main tenant, and how many of those that are
known it finds in a made one."""

import asyncio
import time
from typing import Any
from uuid import UUID

from benchmarks.bulk import Caller, Memory, watching_memory
from benchmarks.contest import Bench
from benchmarks.dataset.leftovers import remove_leftovers
from benchmarks.duplicates.measuring import BARRED, Measured
from benchmarks.duplicates.measuring import measure as compare
from benchmarks.duplicates.sweeping import make_and_load
from benchmarks.duplicates.tenant import SEED, make_tenant
from benchmarks.results import Check, Row
from crm_saas import operator

_SECONDS_MAX, _MIB_MAX = 600, 2048
_SHARE_MIN = 0.95
_MADE_MAX = 100_000
_MADE_SLUG = "bench-made"
_PAIRS = """
select customer_a, customer_b
from org_customer_duplicates
where tenant_org_id = %s and status = 'open'
"""


def measure(bench: Bench) -> list[Row]:
    shown, seconds, memory = _swept(bench, bench.data.keys[0]["owner"])
    rows = [_time_row(bench, shown, seconds, memory)]
    try:
        rows.append(_accuracy_row(bench))
    finally:
        remove_leftovers(bench.data.superuser_url, bench.size)
    return rows


def _swept(bench: Bench, key: str) -> tuple[dict[str, Any], float, Memory]:
    """What the sweep says of itself at its end, its seconds, and the worker's memory."""
    caller = Caller(bench.product, key)
    with watching_memory(bench.product.pids[1]) as memory:
        began = time.perf_counter()
        asked = caller.ask("POST", "/api/v1/duplicates/sweeps")
        ended = caller.await_end(
            f"/api/v1/duplicates/sweeps/{asked['id']}",
            unfinished={"running"},
            say=lambda shown: bench.say(f"sweep: {shown['progress']:.0%}"),
        )
        return ended, time.perf_counter() - began, memory


def _time_row(bench: Bench, shown: dict[str, Any], seconds: float, memory: Memory) -> Row:
    row = Row(
        item="sweep",
        title=f"duplicate sweep of {bench.size.main:,} customers",
        figures={
            "time": f"{seconds:,.0f} s",
            "memory of the worker": f"{memory.before_mib:,.0f} MiB before, "
            f"{memory.peak_mib:,.0f} at most",
            "pairs compared": f"{shown['compared']:,}",
            "suggested": f"{shown['found']:,}",
        },
        checks=[
            Check("time", seconds, _SECONDS_MAX, at_least=False, unit="s"),
            Check("memory", memory.peak_mib, _MIB_MAX, at_least=False, unit="MiB"),
        ],
    )
    if shown["status"] != "done":
        row.notes.append(f"It ended as {shown['status']}.")
    return row


def _accuracy_row(bench: Bench) -> Row:
    customers = min(_MADE_MAX, bench.size.bulk_rows)
    bench.say(f"making a tenant of {customers:,} with known duplicates")
    entries = list(make_tenant(customers, SEED))
    tenant = make_and_load(bench.data.settings, _MADE_SLUG, entries)
    key = asyncio.run(
        operator.create_key(bench.data.settings, tenant=_MADE_SLUG, role="owner", name="bench")
    )
    _swept(bench, key.key)
    with bench.superuser() as connection:
        pairs = connection.execute(_PAIRS, [tenant]).fetchall()
    found = compare(entries, [(_place(a), _place(b)) for a, b in pairs])
    return Row(
        item="sweep",
        title=f"duplicates known among {customers:,} made customers",
        figures={"found of each kind": _by_kind(found), "suggested": f"{found.suggested:,}"},
        checks=[
            Check("precision", found.precision, _SHARE_MIN, at_least=True),
            Check("recall (typing, swapped)", found.recall(*BARRED), _SHARE_MIN, at_least=True),
        ],
    )


def _by_kind(found: Measured) -> str:
    return ", ".join(
        f"{kind} {met / max(1, there):.2f} of {there:,}"
        for kind, (met, there) in sorted(found.by_kind.items())
    )


def _place(customer: UUID) -> int:
    """As benchmarks/duplicates/loading.py has it in the id."""
    return customer.int & 0xFFFFFFFFFFFF
