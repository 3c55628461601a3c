"""Databases, servers and workers killed under load: no acknowledged write is lost."""

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from assurance import Reached
from factories.processes import Child, wait_for
from faults.installation import WORKERS, Installation
from faults.load import Load, under_load
from sizes import sized

KILLS = sized(short=2, long=15, full=50)
ANSWERS_BETWEEN = 20
BACK_SECONDS_MAX = 10


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
    worst = 0.0
    with under_load(installation) as load:
        for _ in range(KILLS):
            load.await_answers(ANSWERS_BETWEEN)
            struck_at = time.monotonic()
            strike(installation)
            worst = max(worst, load.first_answer(after=struck_at) - struck_at)
    assert worst < BACK_SECONDS_MAX
    assert load.refusals, "nobody noticed: the fault did not strike under load"
    note(reached, words, load, worst)


def test_a_killed_process_of_the_server_is_replaced(
    installation: Installation, reached: Reached
) -> None:
    worst = 0.0
    with under_load(installation) as load:
        for _ in range(KILLS):
            load.await_answers(ANSWERS_BETWEEN)
            victim = await_workers(installation.server)[0]
            struck_at = time.monotonic()
            victim.kill()
            load.first_answer(after=struck_at)
            await_workers(installation.server, without=victim)
            worst = max(worst, time.monotonic() - struck_at)
    assert worst < BACK_SECONDS_MAX
    note(reached, "`kill -9` of one of the server's processes under load", load, worst)


def await_workers(server: Child, *, without: psutil.Process | None = None) -> list[psutil.Process]:
    """The server's processes once all of them serve, none of them the one that was killed."""

    def complete() -> list[psutil.Process]:
        serving = [process for process in server.workers() if process != without]
        return serving if len(serving) == WORKERS else []

    return wait_for("the server's processes", complete, seconds_max=60)


def note(reached: Reached, words: str, load: Load, worst: float) -> None:
    reached(words, KILLS)
    reached(f"{words}: back after, at worst", f"{worst:.1f} s")
    reached("acknowledged writes, each read back, once, after a kill", len(load.writes))
