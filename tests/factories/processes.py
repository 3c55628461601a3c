"""The API as production runs it: `crm-saas serve`, a process with workers of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from crm_saas.kit.settings import Settings
from factories.servers import Server

COMMAND = [sys.executable, "-c", "from crm_saas.cli import main; main()", "serve"]
SECONDS_MAX = 60


@contextmanager
def serving(settings: Settings, *, workers: int = 1, **variables: str) -> Iterator[Server]:
    """`variables` are environment variables of the process."""
    port = _free_port()
    environment = os.environ | {"DATABASE_URL": settings.database_url} | variables
    with subprocess.Popen(
        [*COMMAND, "--port", str(port), "--workers", str(workers)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(f"{url}/health/ready", process)
            yield Server(settings, url)
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS_MAX)
        finally:
            if process.poll() is None:
                process.kill()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        assert process.poll() is None, "crm-saas serve ended"
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("crm-saas serve did not get ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
