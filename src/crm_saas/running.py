"""Starting and stopping the product's processes.

The parent of `serve` loads no application: after a crash its children wait for it to start them.
"""

import asyncio
import gc
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import click
import psycopg
import uvicorn

from crm_saas.kit.db import Database
from crm_saas.kit.guard import refuse_unsafe_role
from crm_saas.kit.http import SERVER_OPTIONS
from crm_saas.kit.networks import family_of
from crm_saas.kit.orphans import end_with_parent
from crm_saas.kit.postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError
from crm_saas.kit.settings import Settings, SettingsError, data_folder
from crm_saas.kit.telemetry import metrics, tracing
from crm_saas.kit.telemetry.logs import configure_logs
from crm_saas.otp.senders import choose_sender

GRACE_SECONDS = 20
# A process of the server that does not answer its parent for so long is replaced. On a busy machine
# it needs seconds to load; given less, it was killed and started again without end.
HUNG_SECONDS = 20
RESTARTS_MAX = 5


def up(*, host: str, port: int) -> None:
    """PostgreSQL, migrations, demo tenants, API and worker in this process, until Ctrl-C."""
    from crm_saas import demo
    from crm_saas.app import create_app
    from crm_saas.kit.schema import migrate

    configure_logs(production=False)
    tracing.configure("crm-saas")
    _refuse_taken_port(host, port)
    with _database():
        os.environ.setdefault("CRM_PUBLIC_URL", f"http://{host}:{port}")
        settings = Settings.from_environment()
        click.echo("Bringing the database up to date …")
        migrate(settings)
        keys = demo.ensure(settings, data_folder())
        demo.announce(keys, f"http://{host}:{port}")
        uvicorn.run(
            create_app(settings, with_worker=True),
            host=host,
            port=port,
            timeout_graceful_shutdown=GRACE_SECONDS,
            **SERVER_OPTIONS,
        )
    gc.collect()  # asyncio tells of tasks that failed when they are collected; not after the end
    click.echo("Stopped.")


@contextmanager
def _database() -> Iterator[None]:
    """The server that DATABASE_URL names, or one of our own for as long as the block runs."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    click.echo(f"Starting PostgreSQL in {data_folder()} …")
    with EmbeddedPostgres(data_folder()) as postgres:
        os.environ["DATABASE_URL"] = postgres.url
        with _kept_running(postgres):
            yield


@contextmanager
def _kept_running(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Starts the server again when it dies, and ends this process when that does not help."""
    ending, changing = threading.Event(), threading.Lock()

    def watch() -> None:
        for attempt in range(RESTARTS_MAX + 1):
            postgres.wait()
            with changing:
                if ending.is_set():
                    return
                if attempt == RESTARTS_MAX:
                    break
                click.echo("PostgreSQL ended by itself; starting it again …")
                try:
                    postgres.restart()
                except (EmbeddedPostgresError, psycopg.Error, OSError) as error:
                    click.echo(f"PostgreSQL does not start again: {error}", err=True)
                    break
                click.echo("PostgreSQL runs again.")
        click.echo(f"Stopping: PostgreSQL does not stay up; its log is in {data_folder()}.")
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=watch, name="postgres watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        click.echo("Stopping PostgreSQL …")
        with changing:
            postgres.stop()
        watcher.join()


def _refuse_taken_port(host: str, port: int) -> None:
    if not 0 < port < 1 << 16:
        raise SettingsError(f"A port is a number from 1 to 65535, not {port}: PORT=8080 make run")
    with socket.socket(family_of(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} cannot be used ({error.strerror}). "
                f"Stop what uses it, or choose another: PORT={port + 1} make run"
            ) from error


def serve(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """The API alone; a worker process serves the jobs."""
    configure_logs(production=settings.environment == "production")
    _refuse_taken_port(host, port)
    asyncio.run(_check(settings))
    with metrics.shared_by_processes() if workers > 1 else nullcontext():
        uvicorn.run(
            "crm_saas.running:application",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_worker_healthcheck=HUNG_SECONDS,
            **SERVER_OPTIONS,
        )


async def _check(settings: Settings) -> None:
    """What each process checks when it starts, once before, so that it ends in a sentence."""
    choose_sender(settings)
    database = Database(settings)
    try:
        await refuse_unsafe_role(database)
    finally:
        await database.close()


def application() -> object:
    """What each worker process of `serve` runs."""
    from crm_saas.app import create_app

    end_with_parent()
    settings = Settings.from_environment()
    configure_logs(production=settings.environment == "production")
    tracing.configure("crm-saas-api")
    app = create_app(settings)
    # What was loaded stays. Looked through again and again, it held up requests for 150 ms.
    gc.collect()
    gc.freeze()
    return app
