"""What is measured, as processes of their own, and their certain end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.floors.framework import URL_VARIABLE
from benchmarks.machine import are_connected
from crm_saas.kit.deployment import role_urls
from crm_saas.kit.settings import ROOT, Settings

PROCESSES = 2
START_SECONDS_MAX = 90
_END_SECONDS_MAX = 30
_POLL_SECONDS = 0.05
NO_BUDGETS = {f"CRM_REQUESTS_PER_MINUTE_{of}": "0" for of in ("KEY", "TENANT", "ADDRESS")}
COMMAND = str(Path(sys.executable).with_name("crm-saas"))


@dataclass(frozen=True)
class Served:
    port: int
    pids: tuple[int, ...]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def product_and_framework(
    settings: Settings, superuser_url: str, folder: Path, *, processes: int = PROCESSES
) -> Iterator[tuple[Served, Served]]:
    """`serve` with two processes and `worker`, as an operator starts them; and F beside them."""
    ours, theirs = _free_port(), _free_port()
    files = {"CRM_FILES_URL": (folder / "files").as_uri()}
    variables = _outside() | role_urls(settings) | files | NO_BUDGETS
    floor = [
        *(sys.executable, "-m", "uvicorn", "benchmarks.floors.framework:app"),
        *("--port", str(theirs), "--workers", str(processes), "--loop", "uvloop"),
        *("--no-access-log", "--log-level", "warning"),
    ]
    serve = [COMMAND, "serve", "--port", str(ours), "--workers", str(processes)]
    with (
        _running(serve, variables, folder / "serve.log") as api,
        _running([COMMAND, "worker"], variables, folder / "worker.log") as worker,
        _running(floor, _outside() | {URL_VARIABLE: superuser_url}, folder / "floor.log") as bare,
    ):
        _await_answer(f"http://127.0.0.1:{ours}/health/ready", folder / "serve.log")
        _await_answer(f"http://127.0.0.1:{theirs}/", folder / "floor.log")
        for root, log in ((api, "serve.log"), (bare, "floor.log")):
            _await_all(root, settings.owner_url.port or 5432, processes, folder / log)
        yield Served(ours, (api, worker)), Served(theirs, (bare,))


@contextmanager
def _running(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[int]:
    """In a process group of its own, so that nothing of it stays behind."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS_MAX)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await_answer(url: str, log: Path) -> None:
    """An answer of any status but 503; what is not ready refuses to connect or says so."""

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(url, timeout=10).status_code != 503
        return False

    _await(answers, f"{url} does not answer", log)


def _await_all(root: int, database_port: int, processes: int, log: Path) -> None:
    """The first that is ready answers for all."""
    _await(
        lambda: are_connected(root, database_port, processes=processes),
        f"not all {processes} processes are ready",
        log,
    )


def _await(look: Callable[[], bool], failure: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{failure}; its log ends:\n{log.read_text()[-2000:]}")
        time.sleep(_POLL_SECONDS)


def _outside() -> dict[str, str]:
    """Without what would lead to another database, or set other limits."""
    ours = ("DATABASE_URL", "CRM_", "TWILIO_", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
