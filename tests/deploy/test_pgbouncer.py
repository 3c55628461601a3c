"""The application behind a real PgBouncer, with the settings of deploy/pgbouncer.ini."""

import configparser
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from crm_saas.kit.deployment import role_urls
from crm_saas.kit.pgbouncer import userlist
from crm_saas.kit.settings import Settings
from factories.servers import Server, run_server
from factories.tenants import make_tenant

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
INI = Path(__file__).parents[2] / "deploy" / "pgbouncer.ini"
ROUNDS = 25

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not on PATH (Debian: apt-get install pgbouncer)"
)


@pytest.fixture
def pooled(settings: Settings) -> Iterator[Settings]:
    """The settings of an API process that reaches its database through PgBouncer alone."""
    with run_pgbouncer(settings) as port:
        url = role_urls(settings, pgbouncer=("127.0.0.1", port))["CRM_APP_DATABASE_URL"]
        yield replace(
            settings,
            database_url="",
            role_urls={"crm_app": url},
            prepare_threshold=5 if carries_prepared_statements() else None,
            # A lease of a budget is a second connection, and here there is one in all.
            requests_per_minute_key=0,
            requests_per_minute_tenant=0,
            requests_per_minute_address=0,
        )


def carries_prepared_statements() -> bool:
    answer = subprocess.run([str(PGBOUNCER), "--version"], capture_output=True, text=True)
    found = re.search(r"PgBouncer (\d+)\.(\d+)", answer.stdout)
    assert found, answer
    return (int(found[1]), int(found[2])) >= (1, 21)


@contextmanager
def run_pgbouncer(settings: Settings) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        ini, users = folder / "pgbouncer.ini", folder / "userlist.txt"
        with ini.open("w") as file:
            rendered(settings, port, users).write(file)
        users.write_text(userlist(settings))
        account = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
        for path in (ini, users):
            path.chmod(0o600)
            if account:
                shutil.chown(path, account)
        process = subprocess.Popen(
            [str(PGBOUNCER), str(ini)], stderr=subprocess.PIPE, text=True, user=account
        )
        assert process.stderr is not None
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if "process up" in line:
                    break
            else:
                raise AssertionError("".join(lines))
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=20)


def rendered(settings: Settings, port: int, users: Path) -> configparser.ConfigParser:
    """deploy/pgbouncer.ini for this machine, with one connection that everybody shares."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(INI)
    owner = settings.owner_url
    parser["databases"] = {
        str(owner.database): f"host={owner.host} port={owner.port} dbname={owner.database}"
    }
    changes = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "auth_file": str(users),
        "default_pool_size": "1",
    }
    parser["pgbouncer"].update(changes)
    if not carries_prepared_statements():
        del parser["pgbouncer"]["max_prepared_statements"]
    return parser


def test_tenants_share_a_connection_and_nothing_else(settings: Settings, pooled: Settings) -> None:
    with (
        run_server(settings) as direct,
        make_tenant(direct) as here,
        make_tenant(direct) as there,
    ):
        # Two of each at once, so that the one connection goes from tenant to tenant.
        work = [(tenant.slug, tenant.key()) for tenant in (here, there, here, there)]
    with run_server(pooled) as server, ThreadPoolExecutor(len(work)) as threads:
        jobs = [
            threads.submit(make_teams, server, slug, key, str(part))
            for part, (slug, key) in enumerate(work)
        ]
        for job in jobs:
            job.result()
        for slug, key in work:
            with server.client(key) as client:
                names = teams_of(client)
            assert len(names) == 2 * ROUNDS
            assert all(name.startswith(slug) for name in names)
        look_at_the_connection(pooled)


def make_teams(server: Server, slug: str, key: str, part: str) -> None:
    with server.client(key) as client:
        for number in range(ROUNDS):
            answer = client.post("/teams", json={"name": f"{slug} {part} {number}"})
            assert answer.status_code == 201, answer.text
            assert client.get("/auth/me").json()["tenantSlug"] == slug
            assert all(name.startswith(slug) for name in teams_of(client))


def teams_of(client: httpx.Client) -> list[str]:
    answer = client.get("/teams")
    assert answer.status_code == 200, answer.text
    return [team["name"] for team in answer.json()["items"]]


def look_at_the_connection(pooled: Settings) -> None:
    """As the next borrower of the one connection that everybody used."""
    with psycopg.connect(pooled.url("crm_app"), prepare_threshold=None) as connection:
        left = connection.execute(
            """
            select
                coalesce(current_setting('app.tenant_org_id', true), ''),
                (select count(*) from pg_stat_activity where usename = 'crm_app'
                    and datname = current_database()),
                array(select statement from pg_prepared_statements)
            """
        ).fetchone()
    assert left is not None
    tenant, connections, prepared = left
    assert tenant == ""
    assert connections == 1
    if carries_prepared_statements():
        assert any("begin_with_key" in statement for statement in prepared)
    else:
        assert prepared == []


def test_transaction_mode_is_what_ships() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(INI)
    shipped = parser["pgbouncer"]
    assert shipped["pool_mode"] == "transaction"
    assert shipped["auth_type"] == "scram-sha-256"
