"""The tables of the job queue: Procrastinate's own, in a schema of their own.

Alembic does not know them: Procrastinate ships its whole schema and, from release to release,
the migrations that lead to it. A new database takes the schema, and notes every migration that it
contains; an old one takes those that it has not noted yet, in the order of their names.

Migrations are applied before the new processes start. An old API keeps enqueuing meanwhile: it
calls our own functions, which `migrate` has just made fit. An old worker may fail, restart and
fail again until it is replaced; the jobs wait.
"""

from pathlib import Path

from procrastinate.schema import SchemaManager
from psycopg import Connection
from psycopg.pq import TransactionStatus

QUEUE_LOCK = 7_203_413
_SETTLE = """
create schema if not exists jobs;
create table if not exists jobs.applied_migrations (
    name text primary key,
    applied_at timestamptz not null default now()
);
"""


def apply_jobs_schema(connection: Connection) -> list[str]:
    """Brings the queue's tables to the installed release, as the owner; says what it applied.

    Each migration commits on its own, since a value added to an enum cannot be used in the
    transaction that added it; so the connection must not be in one. Idempotent.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise RuntimeError("apply_jobs_schema needs a connection outside any transaction")
    with connection.transaction():
        # Two migrations at once take turns.
        connection.execute("select pg_advisory_xact_lock(%s, 0)", [QUEUE_LOCK])
        connection.execute(_SETTLE)
        if not _installed(connection):
            _use_schema(connection)
            connection.execute(SchemaManager.get_schema())
            _note(connection, _shipped())
            return ["schema"]
    pending = [name for name in _shipped() if name not in _applied(connection)]
    for name in pending:
        with connection.transaction():
            _use_schema(connection)
            connection.execute(_read(name))
            _note(connection, [name])
    return pending


def _installed(connection: Connection) -> bool:
    found = connection.execute("select to_regclass('jobs.procrastinate_jobs') is not null")
    return bool(found.fetchall()[0][0])


def _use_schema(connection: Connection) -> None:
    """Procrastinate's SQL names nothing with a schema: what it makes lands in the first one."""
    connection.execute("set local search_path = jobs, pg_temp")


def _shipped() -> list[str]:
    return sorted(path.name for path in _migrations().glob("*.sql"))


def _read(name: str) -> bytes:
    return (_migrations() / name).read_bytes()


def _migrations() -> Path:
    return Path(SchemaManager.get_migrations_path())


def _applied(connection: Connection) -> set[str]:
    with connection.transaction():
        rows = connection.execute("select name from jobs.applied_migrations").fetchall()
    return {name for (name,) in rows}


def _note(connection: Connection, names: list[str]) -> None:
    connection.execute(
        "insert into jobs.applied_migrations (name) select unnest(%s::text[])", [names]
    )
