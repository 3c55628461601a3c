"""The embedded PostgreSQL: the project's own server, a child of the process that started it.

The folder holds the secrets, `lock`, `port`, `url` (while it runs), `postgres.log` and `data`.
As root, PostgreSQL runs as `postgres` or `nobody`; if that user cannot enter the folder (say, it
lies under /root), `data` is a link to a folder of its own under /var/lib/crm-saas.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from crm_saas.kit.postgres.binaries import (
    EmbeddedPostgresError,
    account_for,
    find_binaries,
    initialise,
    process_options,
)
from crm_saas.kit.postgres.folder import DataFolder, DataFolderInUse
from crm_saas.kit.postgres.processes import end_orphans, kill, server_processes

__all__ = ["DataFolderInUse", "EmbeddedPostgres", "EmbeddedPostgresError", "PortTaken"]

log = logging.getLogger("crm_saas.embedded")

START_SECONDS_MAX = 60.0  # also WAL recovery after a crash
STOP_SECONDS_MAX = 30.0
POLL_SECONDS = 0.02
PORT_ATTEMPTS_MAX = 3
LOG_BYTES_MAX = 10_000_000

DEFAULTS = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# The shell becomes the server, so its pid is the server's. A grandchild of it waits on the pipe to
# us: end of file means that we are gone, however we went; a line means that we stop the server
# ourselves. PR_SET_PDEATHSIG is Linux only, bound to one thread, and cleared when root is dropped.
LAUNCH = '( (read -r _ || kill -INT $$) <&3 & ) 3<&0; exec "$@" </dev/null'


class PortTaken(EmbeddedPostgresError):
    """Something else listens on the port."""


class EmbeddedPostgres:
    """One server on one folder, on 127.0.0.1 only, with passwords only.

    `options` are PostgreSQL settings, as in postgresql.conf.
    """

    def __init__(
        self, folder: Path, *, port: int | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        self._folder = DataFolder(folder.absolute())
        self._wanted_port = port
        self.port = 0  # known once it starts
        self._options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise EmbeddedPostgresError("the server is not started: call start() first")
        return self._process.pid

    @property
    def url(self) -> str:
        """As `crm_owner`, who owns the database `crm`."""
        return self._url("crm_owner", self._folder.secret("owner-password"), "crm")

    @property
    def superuser_url(self) -> str:
        """For tests; the application and its migrations never need it."""
        return self._url("postgres", self._folder.secret("superuser-password"), "postgres")

    @classmethod
    def running_url(cls, folder: Path) -> str | None:
        """The owner's URL if a live process runs the server of this folder."""
        return DataFolder(folder.absolute()).running_url()

    def start(self) -> str:
        """Returns the owner's URL once the server answers."""
        self._folder.take()
        try:
            self._start()
        except BaseException:
            self.kill()
            raise
        return self.url

    def wait(self) -> None:
        """Until the server ends, by `stop` or by itself."""
        if self._process is not None:
            self._process.wait()

    def restart(self) -> None:
        """After the server died by itself; on the same port, so that its URL stays true."""
        self._dismiss_watcher()
        self._process = None
        self._wanted_port = self.port
        self._start()

    def stop(self) -> None:
        """Fast shutdown: sessions are cut off, data is written, and the next start is quick."""
        if self._process is not None:
            self._dismiss_watcher()
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                log.warning("PostgreSQL did not stop in %g s and is killed", STOP_SECONDS_MAX)
                self.kill()
            self._process = None
        self._folder.release()

    def kill(self) -> None:
        """SIGKILL for the server and all its children, as in a crash."""
        if self._process is not None:
            processes = server_processes(self._folder.cluster)
            self._dismiss_watcher()
            self._process.kill()
            self._process.wait()
            kill(processes)
            self._process = None
        self._folder.release()

    def remove(self) -> None:
        """Stops, and deletes the folder with its data, also where `data` links to."""
        self.stop()
        self._folder.remove()

    def _start(self) -> None:
        self._folder.place_data()
        end_orphans(self._folder.cluster)
        # A killed server left it; PostgreSQL refuses to start if the pid in it is someone's again.
        (self._folder.data / "postmaster.pid").unlink(missing_ok=True)
        account = account_for(self._folder.data)
        found = self._folder.data_major()
        binaries = find_binaries(account, data_major=found)
        if found is None:
            log.info("creating a PostgreSQL %s database in %s", binaries.major, self._folder.data)
            initialise(
                binaries,
                account,
                self._folder.data,
                password=self._folder.secret("superuser-password"),
                sync=self._options.get("fsync") != "off",
                seconds_max=START_SECONDS_MAX,
            )
        with self._launch(binaries.folder / "postgres") as connection:
            self._prepare(connection)
        self._folder.write("port", str(self.port))
        self._folder.write("url", self.url)
        log.info("PostgreSQL %s runs on 127.0.0.1:%s", binaries.major, self.port)

    # Processes

    def _launch(self, program: Path) -> psycopg.Connection:
        for attempt in range(1, PORT_ATTEMPTS_MAX + 1):
            self.port = self._choose_port()
            self._spawn(program)
            try:
                return self._await_ready()
            except PortTaken:  # between our look and the server's bind
                self._dismiss_watcher()
                self._process = None
                if self._wanted_port is not None or attempt == PORT_ATTEMPTS_MAX:
                    raise
        raise AssertionError("unreachable")

    def _choose_port(self) -> int:
        if self._wanted_port is not None:
            if not _is_free(self._wanted_port):
                raise PortTaken(
                    f"port {self._wanted_port} on 127.0.0.1 is taken: stop what listens there, "
                    "or choose another port"
                )
            return self._wanted_port
        path = self._folder.path / "port"
        if path.exists() and _is_free(port := int(path.read_text())):
            return port
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def _spawn(self, program: Path) -> None:
        settings = {
            **DEFAULTS,
            **self._options,
            "cluster_name": self._folder.cluster,
            "lc_messages": "C",  # we read the log
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        command = [str(program), "-D", str(self._folder.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        path = self._folder.path / "postgres.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(self._folder.path / "postgres.log.1")
        path.touch(mode=0o600)
        with path.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program of ours
                ["/bin/sh", "-c", LAUNCH, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
                **process_options(account_for(self._folder.data)),
            )

    def _dismiss_watcher(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):  # it is gone, or was dismissed
                self._process.stdin.write(b"\n")
                self._process.stdin.close()

    # The server

    def _await_ready(self) -> psycopg.Connection:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while self._process.poll() is None:
            try:
                return psycopg.connect(
                    self.superuser_url, autocommit=True, connect_timeout=2, sslmode="disable"
                )
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise EmbeddedPostgresError(
                        f"the password in {self._folder.path / 'superuser-password'} is not "
                        f"the one of the data in {self._folder.data}: put the right file back, "
                        "or choose another folder"
                    ) from error
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL did not answer in {START_SECONDS_MAX:g} s; its log, "
                        f"{self._folder.path / 'postgres.log'}, ends with:\n{self._log_tail()}"
                    ) from error
                time.sleep(POLL_SECONDS)
        tail = self._log_tail()
        kind = PortTaken if "Address already in use" in tail else EmbeddedPostgresError
        raise kind(
            f"PostgreSQL did not start; {self._folder.path / 'postgres.log'} ends with:\n{tail}"
        )

    def _log_tail(self) -> str:
        with (self._folder.path / "postgres.log").open("rb") as output:
            output.seek(self._log_start)
            lines = output.read(LOG_BYTES_MAX).decode(errors="replace").splitlines()
        return "\n".join(lines[-8:])

    def _prepare(self, connection: psycopg.Connection) -> None:
        """The owner and its database, unless they are there."""
        password = self._folder.secret("owner-password")
        # The server and its log only ever see the hash.
        hashed = connection.pgconn.encrypt_password(
            password.encode(), b"crm_owner", b"scram-sha-256"
        )
        if not connection.execute("select 1 from pg_roles where rolname = 'crm_owner'").fetchone():
            connection.execute("create role crm_owner")
        connection.execute(
            sql.SQL(
                "alter role crm_owner login createrole createdb nosuperuser nobypassrls password {}"
            ).format(hashed.decode())
        )
        if not connection.execute("select 1 from pg_database where datname = 'crm'").fetchone():
            connection.execute("create database crm owner crm_owner")
        found = connection.execute("select datctype from pg_database where datname = 'crm'")
        (ctype,) = found.fetchone() or ("",)
        if ctype in ("", "C", "POSIX"):
            raise EmbeddedPostgresError(
                f"lc_ctype of the data in {self._folder.data} is {ctype!r}, in which search finds "
                "no Arabic: start with another folder and restore a dump into it"
            )

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL does: connections of an earlier server in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
