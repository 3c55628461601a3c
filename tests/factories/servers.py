"""The application on a real socket, in a thread of the test's process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from litestar.types import ASGIApp

from crm_saas.app import create_app
from crm_saas.kit.http import SERVER_OPTIONS
from crm_saas.kit.settings import Settings

START_SECONDS_MAX = 20


@dataclass(frozen=True)
class Server:
    settings: Settings
    url: str

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client with `key` as its credential; paths start at /api/v1."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)


@contextmanager
def run_server(
    settings: Settings, *, with_worker: bool = False, application: ASGIApp | None = None
) -> Iterator[Server]:
    """The product's own application, unless the test brings one."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application or create_app(settings, with_worker=with_worker),
        timeout_graceful_shutdown=5,
        **SERVER_OPTIONS,
    )
    running = _Server(config)
    thread = threading.Thread(target=running.run, args=([listener],), daemon=True)
    thread.start()
    if not running.ready.wait(START_SECONDS_MAX):
        raise RuntimeError("the server did not start")
    try:
        yield Server(settings, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        running.should_exit = True
        thread.join(START_SECONDS_MAX)
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
