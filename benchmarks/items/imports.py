"""A file of new customers, against COPY of the same rows into the same table with its indexes.

Each goes into an empty tenant of its own, which is taken away afterwards.
"""

import asyncio
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from benchmarks.bulk import Caller, watching_memory
from benchmarks.contest import Bench
from benchmarks.dataset.leftovers import remove_leftovers
from benchmarks.dataset.people import CUSTOMER_COLUMNS, Part, is_guest, people
from benchmarks.dataset.tenants import make_tenant, slug_of
from benchmarks.results import Check, Row, share_of
from crm_saas import operator

_IMPORTING, _COPYING = 4001, 4002
_SHARE_MIN, _MIB_MAX = 0.20, 300
_UNFINISHED = {"uploaded", "checking", "checked", "running"}
_SHOWN = ("name", "name2", "phone", "email", "date_of_birth", "locale", "company_name")
_HEADERS = ("name", "name2", "phone", "email", "dateOfBirth", "locale", "companyName")
_CHUNK_BYTES = 1024 * 1024


def measure(bench: Bench) -> list[Row]:
    rows = bench.size.bulk_rows
    file, copied = _files(bench, rows)
    with bench.superuser() as connection:
        for tenant in (_IMPORTING, _COPYING):
            make_tenant(connection, tenant, 0)
    try:
        return [_measured(bench, file, copied, rows)]
    finally:
        bench.say("taking the imported customers away")
        remove_leftovers(bench.data.superuser_url, bench.size)
        with bench.superuser() as connection:
            connection.execute("vacuum org_customers_mst, org_customer_identifiers")


def _measured(bench: Bench, file: Path, copied: Path, rows: int) -> Row:
    key = asyncio.run(
        operator.create_key(
            bench.data.settings, tenant=slug_of(_IMPORTING), role="owner", name="bench"
        )
    )
    caller = Caller(bench.product, key.key)
    api, worker = bench.product.pids
    with watching_memory(api) as of_api, watching_memory(worker) as of_worker:
        began = time.perf_counter()
        made = caller.ask(
            "POST", "/api/v1/imports?filename=customers.csv", file=file, content_type="text/csv"
        )
        uploaded = time.perf_counter() - began
        began = time.perf_counter()
        place = f"/api/v1/imports/{made['id']}"
        caller.ask("POST", f"{place}/run", {"mapping": made["mapping"], "upsertBy": "phone"})
        ended = caller.await_end(
            place,
            unfinished=_UNFINISHED,
            say=lambda shown: bench.say(f"import: {shown['progress']}"),
        )
        seconds = time.perf_counter() - began
    counts = ended["progress"]["counts"]
    bench.say("COPY of the same")
    share = share_of([rows / seconds], [rows / _copy_seconds(bench, copied)])
    peak = max(of_api.peak_mib / 2, of_worker.peak_mib)
    row = Row(
        item="import",
        title=f"import of {rows:,} new customers from CSV",
        of_database=share,
        figures={
            "speed": f"{rows / seconds:,.0f} rows/s after an upload of {uploaded:,.1f} s",
            "COPY": f"{share.per_second:,.0f} rows/s",
            "rows": ", ".join(f"{name} {count:,}" for name, count in counts.items()),
            "memory": f"worker {of_worker.before_mib:,.0f} MiB before, {of_worker.peak_mib:,.0f} "
            f"at most; API {of_api.before_mib:,.0f} and {of_api.peak_mib:,.0f}",
        },
        checks=[
            Check("of COPY", share.share, _SHARE_MIN, at_least=True),
            Check("memory of a process", peak, _MIB_MAX, at_least=False, unit="MiB"),
            Check("created", counts.get("created", 0) / rows, 1, at_least=True),
        ],
    )
    if ended["status"] != "done":
        row.notes.append(f"ended as {ended['status']}: {ended['failure']}")
    return row


def _files(bench: Bench, rows: int) -> tuple[Path, Path]:
    """What is imported, and the same customers as COPY takes them; made once and kept."""
    file, copied = (bench.data.folder / f"import-{rows}.{kind}" for kind in ("csv", "copy"))
    if not (file.exists() and copied.exists()):
        bench.say(f"making a file of {rows:,} customers")
        partial = [path.with_suffix(".partial-" + path.suffix[1:]) for path in (file, copied)]
        with partial[0].open("w", newline="") as sheet, partial[1].open("w") as lines:
            writer = csv.writer(sheet)
            writer.writerow(_HEADERS)
            for line in _lines(rows):
                lines.write(line)
                cells = dict(zip(CUSTOMER_COLUMNS, line.rstrip("\n").split("\t"), strict=True))
                writer.writerow(["" if (c := cells[name]) == r"\N" else c for name in _SHOWN])
        for path, whole in zip(partial, (file, copied), strict=True):
            path.replace(whole)
    return file, copied


def _lines(rows: int) -> Iterator[str]:
    """With phones: who has none cannot be found again, and is a guest."""
    size = rows * 10 // 9 + 10
    everybody = people(Part(2, _COPYING, size, 1, size))
    for place, (line, _) in enumerate(everybody, 1):
        if not is_guest(place):
            yield line
            rows -= 1
        if not rows:
            return


def _copy_seconds(bench: Bench, copied: Path) -> float:
    statement = f"copy org_customers_mst ({', '.join(CUSTOMER_COLUMNS)}) from stdin"
    with psycopg.connect(bench.data.superuser_url) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(statement.encode()) as copy, copied.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                copy.write(chunk)
        connection.commit()
        return time.perf_counter() - began
