"""Time and memory of processes, and what machine this is."""

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil


class Machine(msgspec.Struct):
    processor: str
    cores: int
    memory_gib: int
    system: str
    python: str


def this_machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_seconds(roots: Iterable[int]) -> float:
    """Of the processes and all that they have ever started; what has ended is in its parent's."""
    total = 0.0
    for process in _family(roots):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def memory_mib(roots: Iterable[int]) -> float:
    return sum(memories_mib(roots))


def memories_mib(roots: Iterable[int]) -> list[float]:
    """Of each process. Pages that several share are split between them where the system tells
    (PSS), and left out otherwise (USS)."""
    found = []
    for process in _family(roots):
        with suppress(psutil.NoSuchProcess):
            full = process.memory_full_info()
            found.append(getattr(full, "pss", full.uss) / 2**20)
    return found


def are_connected(root: int, port: int, *, processes: int) -> bool:
    """Whether so many processes, this one or below it, have a connection to the port."""
    with suppress(psutil.NoSuchProcess):
        return processes <= sum(
            any(to.raddr and to.raddr.port == port for to in process.net_connections("tcp"))
            for process in _family([root])
        )
    return False


def _family(roots: Iterable[int]) -> list[psutil.Process]:
    found = []
    for pid in roots:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            found += [root, *root.children(recursive=True)]
    return found
