"""Builds what is not there yet: PostgreSQL's folder, schema, tenants, rows, indexes, statistics."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.dataset.indexes import TABLES, drop_indexes, make_indexes
from benchmarks.dataset.leftovers import remove_leftovers
from benchmarks.dataset.loading import load
from benchmarks.dataset.tenants import Keys, ensure_keys, make_tenants
from benchmarks.sizes import SEED, Size
from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import ROOT, Settings

Say = Callable[[str], None]

# The same for all that is measured, and named in the report.
POSTGRES = {
    "max_connections": "200",
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
}
# While the rows come in nothing else is there that could be lost.
_LOADING = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "maintenance_work_mem": "3GB",
    "max_parallel_maintenance_workers": "2",
    "max_wal_size": "8GB",
}
_LEDGER = """
create schema if not exists bench;
create table if not exists bench.parts (tenant integer, first integer, primary key (tenant, first));
create table if not exists bench.indexes (index_name text primary key, definition text not null);
create table if not exists bench.state (built_at timestamptz not null default now());
"""


@dataclass(frozen=True)
class DataSet:
    """A running PostgreSQL with everything in it."""

    size: Size
    folder: Path
    settings: Settings
    superuser_url: str
    """Policies do not hold for it: what the floors are measured with."""
    postgres_pid: int
    keys: Keys


def data_folder(size: Size) -> Path:
    """`CRM_BENCH_DIR` keeps one folder a size and seed."""
    place = Path(os.environ.get("CRM_BENCH_DIR") or ROOT / ".bench")
    return place.absolute() / f"{size.name}-{size.customers}-{SEED}"


@contextmanager
def opened(size: Size, say: Say) -> Iterator[DataSet]:
    """The data set, built if need be, brought to the schema of this version, and served."""
    folder = data_folder(size)
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:  # the server runs as somebody else then
        for above in (folder, folder.parent):
            above.chmod(0o711)
    if not _is_built(folder):
        say(f"building {size.customers:,} customers in {folder}")
        with EmbeddedPostgres(folder / "postgres", options=POSTGRES | _LOADING) as postgres:
            build(_superuser_url(postgres), Settings(database_url=postgres.url), size, say)
        (folder / "built").touch()
    with EmbeddedPostgres(folder / "postgres", options=POSTGRES) as postgres:
        settings, url = Settings(database_url=postgres.url), _superuser_url(postgres)
        bring_up_to_date(url, settings, say)
        remove_leftovers(url, size)
        keys = ensure_keys(settings, size, folder / "keys.json")
        yield DataSet(size, folder, settings, url, postgres.pid, keys)


def _is_built(folder: Path) -> bool:
    return (folder / "built").exists()


def build(url: str, settings: Settings, size: Size, say: Say) -> None:
    """Each step finds what an earlier, interrupted one has left. The URL is a superuser's."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_LEDGER)
        begun = connection.execute("select from bench.indexes").fetchone()
        if begun is None:
            migrate(settings)
            drop_indexes(connection)
        make_tenants(connection, size)
        load(url, size, say)
        make_indexes(connection, say)
        for table in TABLES:
            say(f"vacuum and analyze {table} …")
            connection.execute(f"vacuum (analyze, freeze) {table}".encode())
        connection.execute("analyze")
        connection.execute("checkpoint")


def bring_up_to_date(url: str, settings: Settings, say: Say) -> None:
    """To the schema of this version; a new one leaves behind what to clean up and to count."""
    with psycopg.connect(url, autocommit=True) as connection:
        say("bringing the schema up to date")
        before = _revision(connection)
        migrate(settings)
        if _revision(connection) != before:
            say("vacuum and analyze after the migration …")
            connection.execute("vacuum (analyze)")


def _revision(connection: psycopg.Connection) -> list[tuple[str]]:
    return connection.execute("select version_num from alembic_version").fetchall()


def _superuser_url(postgres: EmbeddedPostgres) -> str:
    return postgres.superuser_url.removesuffix("/postgres") + "/crm"
