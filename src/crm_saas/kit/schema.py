"""`migrate`: brings a database to the state that this version of the code expects.

Order: roles, functions, tables (Alembic), policies, grants, the job queue. All of it can be run
again and again; two that run at once wait for each other.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine

from crm_saas.kit.queue.schema import apply_jobs_schema
from crm_saas.kit.settings import ROOT, Settings, role_password

SQL = ROOT / "sql"
LOGIN_ROLES = ("crm_app", "crm_platform", "crm_dump", "crm_worker")
EXTENSIONS = ("pg_trgm", "btree_gin")
MIGRATE_LOCK = 7_203_411
_CREATE_POLICY = re.compile(r"create policy (\w+) on (\w+)(.*)", re.DOTALL)


class Policy(NamedTuple):
    """One policy as a file declares it."""

    table: str
    name: str
    definition: str

    @property
    def statement(self) -> str:
        return f"create policy {self.name} on {self.table}{self.definition}"

    @property
    def fingerprint(self) -> str:
        """Kept as the policy's comment, so that an unchanged policy is not locked and remade."""
        return hashlib.sha256(" ".join(self.statement.split()).encode()).hexdigest()


def migrate(settings: Settings) -> None:
    with owner_connection(settings) as connection:
        connection.execute("select pg_advisory_lock(%s, 0)", [MIGRATE_LOCK])
        apply_roles(connection, settings)
        for extension in EXTENSIONS:
            connection.execute(
                sql.SQL("create extension if not exists {}").format(sql.Identifier(extension))
            )
        apply_functions(connection)
        apply_tables(settings)
        apply_policies(connection)
        with connection.transaction():
            connection.execute((SQL / "grants.sql").read_bytes())
        apply_jobs_schema(connection)
        with connection.transaction():
            connection.execute((SQL / "jobs.sql").read_bytes())


def make_roles(settings: Settings) -> None:
    """The roles alone, which a dump does not hold and its restore asks for."""
    with owner_connection(settings) as connection:
        connection.execute("select pg_advisory_lock(%s, 0)", [MIGRATE_LOCK])
        apply_roles(connection, settings)


@contextmanager
def owner_connection(settings: Settings) -> Iterator[psycopg.Connection]:
    url = settings.owner_url.set(drivername="postgresql")
    with psycopg.connect(
        url.render_as_string(hide_password=False), autocommit=True, connect_timeout=10
    ) as connection:
        yield connection


def apply_roles(connection: psycopg.Connection, settings: Settings) -> None:
    owner_password = settings.owner_url.password or ""
    with connection.transaction():
        for role in LOGIN_ROLES:
            connection.execute(
                "select set_config(%s, %s, true)",
                [f"crm.password_{role}", role_password(owner_password, role)],
            )
        connection.execute((SQL / "roles.sql").read_bytes())


def apply_functions(connection: psycopg.Connection) -> None:
    """Before the tables: generated columns use some. Their bodies may name tables to come."""
    with connection.transaction():
        connection.execute("set local check_function_bodies = off")
        connection.execute("set local client_min_messages = warning")
        for file in sorted((SQL / "functions").glob("*.sql")):
            connection.execute(file.read_bytes())


def apply_tables(settings: Settings, revision: str = "head") -> None:
    command.upgrade(alembic_config(settings), revision)


def alembic_config(settings: Settings) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["engine"] = create_engine(
        settings.owner_url.set(drivername="postgresql+psycopg")
    )
    return config


def declared_policies(tables: list[str]) -> list[Policy]:
    """What the files in sql/policies say for these tables."""
    template = (SQL / "policies" / "tenant.sql").read_text()
    sources = [template.replace("{table}", table) for table in tables]
    sources += [
        file.read_text()
        for file in sorted((SQL / "policies").glob("*.sql"))
        if file.name != "tenant.sql"
    ]
    policies = [
        policy
        for source in sources
        for policy in _parse(source.replace("{current_tenant}", "(select current_tenant())"))
    ]
    return [policy for policy in policies if policy.table in tables]


def _parse(source: str) -> Iterator[Policy]:
    without_comments = re.sub(r"--[^\n]*", "", source)
    for statement in without_comments.split(";"):
        if match := _CREATE_POLICY.search(statement):
            yield Policy(match[2], match[1], match[3].rstrip())


def tenant_tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        r"""
        select c.relname
        from pg_class c
        where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p')
            and not c.relispartition
            and c.relname like 'org\_%'
        order by c.relname
        """
    )
    return [row[0] for row in rows]


def apply_policies(connection: psycopg.Connection) -> None:
    tables = tenant_tables(connection)
    wanted = {(policy.table, policy.name): policy for policy in declared_policies(tables)}
    present = _present_policies(connection)
    with connection.transaction():
        for table, name in present.keys() - wanted.keys():
            _drop_policy(connection, table, name)
        for key, policy in wanted.items():
            if present.get(key) == policy.fingerprint:
                continue
            if key in present:
                _drop_policy(connection, *key)
            connection.execute(policy.statement.encode())
            connection.execute(
                sql.SQL("comment on policy {} on {} is {}").format(
                    sql.Identifier(policy.name),
                    sql.Identifier(policy.table),
                    sql.Literal(policy.fingerprint),
                )
            )


def _present_policies(connection: psycopg.Connection) -> dict[tuple[str, str], str | None]:
    rows = connection.execute(
        r"""
        select c.relname, p.polname, obj_description(p.oid, 'pg_policy')
        from pg_policy p
        join pg_class c on c.oid = p.polrelid
        where c.relnamespace = 'public'::regnamespace
            and c.relname like 'org\_%'
        """
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _drop_policy(connection: psycopg.Connection, table: str, name: str) -> None:
    connection.execute(
        sql.SQL("drop policy {} on {}").format(sql.Identifier(name), sql.Identifier(table))
    )
