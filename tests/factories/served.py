"""The API as production runs it: `crm-saas serve`, with worker processes of its own."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from crm_saas.kit.settings import Settings
from factories.processes import Child, free_port, outside_environment, wait_for
from factories.servers import Server

SECONDS_MAX = 90


@contextmanager
def serving(settings: Settings, *, workers: int = 1, **variables: str) -> Iterator[Server]:
    """`variables` are environment variables of the process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = outside_environment(DATABASE_URL=settings.database_url, **variables)
    with tempfile.TemporaryDirectory() as folder:
        child = Child(
            *("serve", "--port", str(port), "--workers", str(workers)),
            environment=environment,
            log=Path(folder) / "log",
        )
        try:
            child.start()
            wait_for("ready", lambda: _is_ready(url), seconds_max=SECONDS_MAX)
            yield Server(settings, url)
            child.process.send_signal(signal.SIGTERM)
            child.process.wait(SECONDS_MAX)
        finally:
            child.end()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
