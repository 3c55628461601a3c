"""Sweeps a made tenant as the worker does: step by step, as crm_app, under row-level security."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from threading import Event, Thread
from uuid import UUID

import psutil
import psycopg

from benchmarks.duplicates.loading import load
from benchmarks.duplicates.measuring import Measured, measure
from benchmarks.duplicates.tenant import Entry
from crm_saas import operator
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.merges import sweeps, tasks
from crm_saas.tenancy.registry import job_context

_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Ran:
    """`memory_bytes`: the most that the worker and its scoring process held."""

    seconds: float
    worker_cpu_seconds: float
    scoring_cpu_seconds: float
    memory_bytes: int
    steps: list[tuple[int, float]]


@dataclass(frozen=True)
class Swept:
    ran: Ran
    compared: int
    left_out: dict[str, dict[str, int]]
    measured: Measured


def make_and_load(settings: Settings, slug: str, entries: list[Entry]) -> UUID:
    tenant = asyncio.run(operator.create_tenant(settings, slug=slug, name=slug))
    url = settings.owner_url.set(drivername="postgresql").render_as_string(hide_password=False)
    load(url, tenant.id, entries)
    return tenant.id


def sweep_and_measure(settings: Settings, tenant_id: UUID, entries: list[Entry]) -> Swept:
    """In a process of its own, as a worker is: what the benchmark holds is not the sweep's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        ran = worker.submit(sweep, settings.database_url, tenant_id).result()
    with psycopg.connect(settings.url("crm_platform")) as platform:
        pairs = platform.execute(
            "select customer_a, customer_b from org_customer_duplicates"
            " where tenant_org_id = %s and status = 'open'",
            [tenant_id],
        ).fetchall()
        row = platform.execute(
            "select compared, left_out from org_duplicate_sweeps"
            " where tenant_org_id = %s order by id desc limit 1",
            [tenant_id],
        ).fetchone()
    assert row is not None
    places = [(_place(a), _place(b)) for a, b in pairs]
    return Swept(ran, row[0], row[1], measure(entries, places))


def sweep(database_url: str, tenant_id: UUID) -> Ran:
    with watching_memory() as most:
        began = time.monotonic()
        steps = asyncio.run(_sweep(Settings(database_url=database_url), tenant_id))
        seconds = time.monotonic() - began
    own, scoring = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return Ran(
        seconds,
        own.ru_utime + own.ru_stime,
        scoring.ru_utime + scoring.ru_stime,
        most[0],
        steps,
    )


async def _sweep(settings: Settings, tenant_id: UUID) -> list[tuple[int, float]]:
    database = Database(settings)
    async with job_context(database, tenant_id, sweeps.JOB) as context:
        if await sweeps.find_running(context) is None:
            await sweeps.start_sweep(context)
    taken: list[tuple[int, float]] = []
    while True:
        began = time.monotonic()
        async with job_context(database, tenant_id, sweeps.JOB) as context:
            if (running := await sweeps.find_running(context)) is None:
                break
            step = running.step
            await tasks.sweep(context)
        taken.append((step, time.monotonic() - began))
    await database.close()
    return taken


@contextmanager
def watching_memory() -> Iterator[list[int]]:
    """The most that this process and its children held; PostgreSQL is not among them."""
    most, over = [0], Event()
    own = psutil.Process(os.getpid())

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            held = own.memory_info().rss
            for child in own.children():
                try:
                    if "postgres" not in child.name():
                        held += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            most[0] = max(most[0], held)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def _place(customer: UUID) -> int:
    return customer.int & 0xFFFFFFFFFFFF
