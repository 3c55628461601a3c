"""Databases, servers and workers killed under load: no acknowledged write is lost."""

import os
import statistics
import time
from collections.abc import Callable

import psutil
import pytest

from assurance import Reached
from factories.customers import create_stub, new_name
from factories.database import rows
from factories.processes import wait_for
from factories.tenants import TestTenant
from faults.installation import WORKERS, Installation
from faults.load import under_load
from sizes import sized

KILLS = sized(short=2, long=15, full=50)
ANSWERS_BETWEEN = 20
# On a machine that has nothing else to do; the middle one of all kills, and the worst is told.
BACK_SECONDS_MAX = 10
LOAD_OF_A_CORE = 2
WORST_SECONDS_MAX = 60
# What a dead worker was doing is taken over a minute and a half later (worker.py).
TAKEN_OVER_SECONDS_MAX = 240


def kill_server(installation: Installation) -> None:
    installation.server.kill()
    installation.restart_server()


@pytest.mark.parametrize(
    ("words", "strike"),
    [
        ("`pg_ctl stop -m immediate` under load", Installation.stop_postgres_at_once),
        ("`kill -9` of the postmaster under load", Installation.kill_postgres),
        ("`kill -9` of the server under load", kill_server),
    ],
    ids=["immediate stop", "postmaster", "server"],
)
def test_no_acknowledged_write_is_lost(
    installation: Installation,
    reached: Reached,
    words: str,
    strike: Callable[[Installation], None],
) -> None:
    waits: list[float] = []
    with under_load(installation) as load:
        for _ in range(KILLS):
            load.await_answers(ANSWERS_BETWEEN)
            struck_at = time.monotonic()
            strike(installation)
            waits.append(load.first_answer(after=struck_at) - struck_at)
    assert load.refusals, "nobody noticed: the fault did not strike under load"
    note(reached, words, len(load.writes), waits)


def test_a_killed_process_of_the_server_is_replaced(
    installation: Installation, reached: Reached
) -> None:
    waits: list[float] = []
    with under_load(installation) as load:
        for _ in range(KILLS):
            load.await_answers(ANSWERS_BETWEEN)
            victim = await_workers(installation)[0]
            struck_at = time.monotonic()
            victim.kill()
            waits.append(load.first_answer(after=struck_at) - struck_at)
            await_workers(installation, without=victim)
    note(reached, "`kill -9` of one of the server's processes under load", len(load.writes), waits)


def test_a_killed_process_is_replaced_when_the_database_is_back(
    installation: Installation, reached: Reached
) -> None:
    """Without it, nothing of the server may give up, or there would be none left afterwards."""
    with under_load(installation) as load:
        load.await_answers(ANSWERS_BETWEEN)
        victim = await_workers(installation)[0]
        installation.stop_postgres()
        victim.kill()
        waiting = "cannot serve yet, waiting for the database"
        wait_for(
            "the new process waits",
            lambda: waiting in installation.server.log(),
            seconds_max=WORST_SECONDS_MAX,
        )
        installation.postgres.restart()
        load.await_answers(ANSWERS_BETWEEN)
        await_workers(installation, without=victim)
    assert installation.server.process.poll() is None


def test_no_job_is_lost_with_its_worker(installation: Installation, reached: Reached) -> None:
    """Twins are found by a job: those of before the kill, and those of after it."""
    tenant, waits, writes = installation.tenant(), list[float](), 0
    pairs: list[set[str]] = []
    for _ in range(KILLS):
        with under_load(installation, tenants=1) as load:
            load.await_answers(ANSWERS_BETWEEN)
            pairs.append(create_twins(tenant))
            struck_at = time.monotonic()
            installation.worker.kill()
            installation.worker.start()
            pairs.append(twins := create_twins(tenant))
            # Tills that go on would leave ever more jobs before this one.
            load.stop()
            wait_for(
                "a job of after the kill",
                lambda twins=twins: twins in found_pairs(tenant),  # type: ignore[misc]
                seconds_max=WORST_SECONDS_MAX,
            )
            waits.append(time.monotonic() - struck_at)
        writes += len(load.writes)
    installation.await_jobs(seconds_max=TAKEN_OVER_SECONDS_MAX)
    assert installation.jobs() == []
    found = found_pairs(tenant)
    assert all(pair in found for pair in pairs)
    note(reached, "`kill -9` of the job worker under load", writes, waits)


def create_twins(tenant: TestTenant) -> set[str]:
    name = new_name()
    return {create_stub(tenant.client("pos"), name=name)["id"] for _ in range(2)}


def found_pairs(tenant: TestTenant) -> list[set[str]]:
    found = rows(
        tenant.server.settings,
        "select customer_a::text, customer_b::text from org_customer_duplicates"
        " where tenant_org_id = %s",
        tenant.id,
    )
    return [set(pair) for pair in found]


def await_workers(
    installation: Installation, *, without: psutil.Process | None = None
) -> list[psutil.Process]:
    """The server's processes once all of them serve, none of them the one that was killed."""

    def complete() -> list[psutil.Process]:
        found = [process for process in installation.server.workers() if process != without]
        serving = [process for process in found if installation.reaches_database(process)]
        return serving if len(serving) == WORKERS else []

    return wait_for("the server's processes", complete, seconds_max=WORST_SECONDS_MAX)


def note(reached: Reached, words: str, writes: int, waits: list[float]) -> None:
    middle, worst = statistics.median(waits), max(waits)
    busy = os.getloadavg()[0] / LOAD_OF_A_CORE / (os.cpu_count() or 1)
    assert middle < BACK_SECONDS_MAX * max(1, busy), waits
    assert worst < WORST_SECONDS_MAX, waits
    reached(words, len(waits))
    reached(f"{words}: back after", f"{middle:.1f} s, at worst {worst:.1f} s")
    reached("acknowledged writes, each read back, once, after a kill", writes)
