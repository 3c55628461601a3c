"""The rows, by COPY, in parts that are each there whole or not at all."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from multiprocessing import get_context

import psycopg

from benchmarks.dataset.people import CUSTOMER_COLUMNS, IDENTIFIER_COLUMNS, Part, people
from benchmarks.sizes import SEED, Size

PART_ROWS = 10_000
PROCESSES = 2
SAY_SECONDS = 5


def load(url: str, size: Size, say: Callable[[str], None]) -> None:
    """What is not there yet. Ctrl-C loses only the parts that were being written."""
    with psycopg.connect(url) as connection:
        done = set(connection.execute("select tenant, first from bench.parts").fetchall())
    left = [part for part in parts(size) if (part.tenant, part.first) not in done]
    total, rows = size.customers, size.customers - sum(part.rows for part in left)
    began, said, first_rows = time.monotonic(), 0.0, rows
    with _workers(len(left)) as pool:
        for count in _finished(pool, url, left):
            rows += count
            if time.monotonic() - said > SAY_SECONDS or rows == total:
                said = time.monotonic()
                rate = (rows - first_rows) / (said - began)
                minutes = (total - rows) / rate / 60
                say(f"{rows:>10,} of {total:,} customers, {rate:,.0f}/s, {minutes:.0f} min left")


def parts(size: Size) -> Iterator[Part]:
    for tenant, customers in enumerate(size.of_tenants()):
        for first in range(1, customers + 1, PART_ROWS):
            yield Part(SEED, tenant, customers, first, min(PART_ROWS, customers + 1 - first))


def _workers(left: int) -> Executor:
    """Processes are not worth their start for a few parts."""
    if left <= 2 * PROCESSES:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))


def _finished(pool: Executor, url: str, left: list[Part]) -> Iterator[int]:
    """A few parts wait in line, so that Ctrl-C need not wait for all of them."""
    running: set[Future[int]] = set()
    waiting = iter(left)
    while True:
        while len(running) < 2 * PROCESSES and (part := next(waiting, None)):
            running.add(pool.submit(_load_part, url, part))
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


def _load_part(url: str, part: Part) -> int:
    customers, identifiers = zip(*people(part), strict=True)
    with psycopg.connect(url) as connection:
        # References are looked up row by row otherwise; people.py makes none that lead nowhere.
        connection.execute("set local session_replication_role = replica")
        _copy(connection, "org_customers_mst", CUSTOMER_COLUMNS, "".join(customers))
        _copy(connection, "org_customer_identifiers", IDENTIFIER_COLUMNS, "".join(identifiers))
        connection.execute("insert into bench.parts values (%s, %s)", [part.tenant, part.first])
    return part.rows


def _copy(connection: psycopg.Connection, table: str, columns: tuple[str, ...], rows: str) -> None:
    statement = f"copy {table} ({', '.join(columns)}) from stdin"
    with connection.cursor().copy(statement.encode()) as copy:
        copy.write(rows)
