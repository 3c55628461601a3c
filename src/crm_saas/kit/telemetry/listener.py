"""A worker's own HTTP: health and metrics on a port for the cluster, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar import Litestar
from litestar.di import Provide

from crm_saas.kit import health
from crm_saas.kit.http import SERVER_OPTIONS
from crm_saas.kit.networks import family_of
from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.kit.telemetry.page import MetricsPage


@asynccontextmanager
async def listening(
    readiness: health.Readiness, settings: Settings, host: str
) -> AsyncIterator[None]:
    """Serves while the block runs; without CRM_METRICS_PORT it does nothing."""
    if not settings.metrics_port:
        yield
        return
    app = Litestar(
        route_handlers=list(health.ROUTES),
        dependencies={"readiness": Provide(lambda: readiness, sync_to_thread=False)},
        openapi_config=None,
        logging_config=None,
    )
    server = _Server(
        uvicorn.Config(
            MetricsPage(app, settings),
            timeout_graceful_shutdown=1,
            **SERVER_OPTIONS,
        )
    )
    task = asyncio.create_task(server.serve([_bound(host, settings.metrics_port)]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([task])


def _bound(host: str, port: int) -> socket.socket:
    """Here, since uvicorn would end the process. Raises SettingsError."""
    listener = socket.socket(family_of(host))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"CRM_METRICS_PORT={port} on {host} cannot be used ({error.strerror}); set another."
        ) from error
    return listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's."""
        yield
