"""The product's commands as processes of their own, each with its log, and their certain end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

COMMAND = str(Path(sys.executable).with_name("crm-saas"))
POLL_SECONDS = 0.02

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, look: Callable[[], T | None], *, seconds_max: float) -> T:
    """What `look` finds, once it is something; `what` says in the failure what was waited for."""
    deadline = time.monotonic() + seconds_max
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds_max:g} s"
        time.sleep(POLL_SECONDS)
    return found


class Child:
    """One command of the product. It and whatever it started are a process group of their own, so
    that nothing of it outlives `end`, orphans included."""

    def __init__(self, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        self._command = [COMMAND, *arguments]
        self.environment = dict(environment)
        self._log = log
        self._groups: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._groups.append(self._process.pid)

    def kill(self) -> None:
        """SIGKILL for the process alone, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """SIGKILL for all that this child ever started."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def workers(self) -> list[psutil.Process]:
        """The processes that uvicorn started for this one, oldest first."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if _is_worker(child)]
        return []

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any(
            "spawn_main" in word for word in process.cmdline()
        )
    except psutil.NoSuchProcess:
        return False


def outside_environment(**variables: str) -> dict[str, str]:
    """This process's environment without what would lead a child to another database."""
    ours = ("DATABASE_URL", "CRM_", "TWILIO_", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | variables
