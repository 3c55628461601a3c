"""A whole installation to break: PostgreSQL that syncs to disk, `serve` with two processes, and
`worker`, each a process of its own that a service manager (the test) starts again."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from crm_saas.kit.deployment import role_urls
from crm_saas.kit.postgres.binaries import account_for, find_binaries, process_options
from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings
from factories.processes import Child, free_port, outside_environment, wait_for
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

START_SECONDS_MAX = 60
WORKERS = 2
# The load would soon be past what one key may ask for.
NO_BUDGETS = {f"CRM_REQUESTS_PER_MINUTE_{of}": "0" for of in ("KEY", "TENANT", "ADDRESS")}


@dataclass
class Installation:
    folder: Path
    postgres: EmbeddedPostgres
    settings: Settings
    server: Child
    worker: Child
    port: int
    stack: ExitStack = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.server.start()
        self.worker.start()
        self.await_ready()

    def await_ready(self, *, seconds_max: float = START_SECONDS_MAX) -> None:
        try:
            wait_for("the server is ready", self._is_ready, seconds_max=seconds_max)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends:\n{self.server.log()[-2000:]}") from None

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def restart_server(self) -> None:
        """What a service manager does for a server that ended."""
        self.server.start()

    def stop_postgres_at_once(self) -> None:
        self.stop_postgres()
        self.postgres.restart()

    def stop_postgres(self) -> None:
        """`pg_ctl stop -m immediate`: no checkpoint, as in a power cut."""
        data = self.folder / "postgres" / "data"
        account = account_for(data)
        program = find_binaries(account, data_major=None).folder / "pg_ctl"
        subprocess.run(
            [program, "stop", "-m", "immediate", "-w", "-D", data],
            check=True,
            capture_output=True,
            timeout=START_SECONDS_MAX,
            **process_options(account),
        )
        self.postgres.wait()

    def kill_postgres(self) -> None:
        """SIGKILL for the postmaster; its children find out for themselves."""
        os.kill(self.postgres.pid, signal.SIGKILL)
        self.postgres.wait()
        self.postgres.restart()

    def reaches_database(self, process: psutil.Process) -> bool:
        """Whether the process holds a connection to PostgreSQL, as each does that serves."""
        with suppress(psutil.NoSuchProcess):
            ports = [c.raddr.port for c in process.net_connections("tcp") if c.raddr]
            return self.postgres.port in ports
        return False

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """Looks at processes and locks, and breaks what only an administrator could."""
        url = self.postgres.superuser_url.removesuffix("/postgres") + "/crm"
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    def backends(self, role: str = "crm_app") -> list[int]:
        """The pids of the database's processes that serve this role, idle ones first."""
        with self.superuser() as connection:
            found = connection.execute(
                "select pid from pg_stat_activity where usename = %s order by state_change desc",
                [role],
            )
            return [pid for (pid,) in found]

    def tenant(self, **fields: Any) -> TestTenant:
        return self.stack.enter_context(make_tenant(Server(self.settings, self.url), **fields))

    def jobs(self) -> list[tuple[str, str]]:
        """Name and state of each job that waits, runs or is parked, the periodic ones left out."""
        with psycopg.connect(self.settings.url("crm_worker")) as connection:
            found = connection.execute(
                "select task_name, status::text from jobs.procrastinate_jobs"
                " where args ? 'tenant_id' order by id"
            )
            return [(name, status) for name, status in found]

    def await_jobs(self, *, seconds_max: float) -> None:
        """Until no job waits or runs, and no customer waits to be compared."""

        def settled() -> bool:
            with self.superuser() as connection:
                waiting = connection.execute("select from org_customers_to_compare").fetchone()
            return waiting is None and not any(
                status in {"todo", "doing"} for _, status in self.jobs()
            )

        wait_for("all jobs are done", settled, seconds_max=seconds_max)


@contextmanager
def prepared(
    *,
    options: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    workers: int = WORKERS,
) -> Iterator[Installation]:
    """A migrated installation whose processes are not started yet. Nothing of it stays behind."""
    with tempfile.TemporaryDirectory(prefix="crm-faults-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # as root, the server runs as somebody else
        postgres = EmbeddedPostgres(
            folder / "postgres", options={"max_connections": "200", **(options or {})}
        )
        postgres.start()
        stack.callback(postgres.remove)
        settings = Settings(database_url=postgres.url)
        migrate(settings)
        port = free_port()
        urls = role_urls(settings, pgbouncer=None)
        files = {"CRM_FILES_URL": (folder / "files").as_uri()}
        variables = outside_environment(**urls, **NO_BUDGETS, **files, **(environment or {}))
        server = Child(
            *("serve", "--port", str(port), "--workers", str(workers)),
            environment=variables,
            log=folder / "server.log",
        )
        worker = Child("worker", environment=variables, log=folder / "worker.log")
        for child in (server, worker):
            stack.callback(child.end)
        yield Installation(folder, postgres, settings, server, worker, port, stack)


@contextmanager
def installed(**how: Any) -> Iterator[Installation]:
    with prepared(**how) as installation:
        installation.start()
        yield installation
