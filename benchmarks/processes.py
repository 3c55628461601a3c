"""What is measured, as processes of their own, and their certain end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.floors.framework import URL_VARIABLE
from crm_saas.kit.deployment import role_urls
from crm_saas.kit.settings import ROOT, Settings

WORKERS = 2
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
def product(settings: Settings, folder: Path) -> Iterator[Served]:
    """`serve` with two processes, and `worker`, as an operator starts them."""
    port = _free_port()
    variables = _outside() | role_urls(settings) | NO_BUDGETS
    with ExitStack() as stack:
        pids = [
            stack.enter_context(_running(command, variables, folder / f"{command[1]}.log"))
            for command in (
                [COMMAND, "serve", "--port", str(port), "--workers", str(WORKERS)],
                [COMMAND, "worker"],
            )
        ]
        _await_answer(f"http://127.0.0.1:{port}/health/ready", folder / "serve.log")
        yield Served(port, tuple(pids))


@contextmanager
def framework(superuser_url: str, folder: Path) -> Iterator[Served]:
    port = _free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "benchmarks.floors.framework:app"),
        *("--port", str(port), "--workers", str(WORKERS), "--loop", "uvloop"),
        *("--no-access-log", "--log-level", "warning"),
    ]
    variables = _outside() | {URL_VARIABLE: superuser_url}
    with _running(command, variables, folder / "floor.log") as pid:
        # Without a body, so that it answers at once: there is no such list.
        _await_answer(f"http://127.0.0.1:{port}/", folder / "floor.log")
        yield Served(port, (pid,))


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
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(url, timeout=10).status_code != 503:
                return
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"{url} does not answer; its log ends:\n{log.read_text()[-2000:]}")


def _outside() -> dict[str, str]:
    """Without what would lead to another database, or set other limits."""
    ours = ("DATABASE_URL", "CRM_", "TWILIO_", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
