"""The processes of an embedded PostgreSQL, found by name, and their end."""

from __future__ import annotations

import contextlib
import logging
import signal
import time

import psutil

log = logging.getLogger("crm_saas.embedded")

SECONDS_MAX = 10.0
POLL_SECONDS = 0.02


def server_processes(cluster: str) -> list[psutil.Process]:
    """By the title, which holds `cluster_name`: the pid in postmaster.pid may be another's by now,
    and a container's root may not ask for the working folder of other users' processes."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and cluster in " ".join(process.cmdline()):
                found.append(process)
    return found


def end_orphans(cluster: str) -> None:
    """For the holder of the lock: what still runs on the folder has lost its parent."""
    orphans = server_processes(cluster)
    if not orphans:
        return
    log.info("waiting for an earlier PostgreSQL to end, processes %s", [p.pid for p in orphans])
    pids = {orphan.pid for orphan in orphans}
    for orphan in orphans:
        with contextlib.suppress(psutil.Error):
            if f"cluster_name={cluster}" in orphan.cmdline():  # the server itself
                orphan.send_signal(signal.SIGINT)
            elif orphan.ppid() not in pids:
                orphan.terminate()
    _wait(orphans)
    kill(orphans)


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(processes)


def _wait(processes: list[psutil.Process]) -> None:
    # Not psutil.wait_procs: it waits for zombies too, which PID 1 of a container may never reap.
    deadline = time.monotonic() + SECONDS_MAX
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
