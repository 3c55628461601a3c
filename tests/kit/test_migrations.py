"""What the migrations make is what the models say."""

import io
import re
import runpy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import CheckConstraint, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from crm_saas.kit.schema import (
    alembic_config,
    apply_functions,
    apply_tables,
    owner_connection,
)
from crm_saas.kit.settings import Settings
from crm_saas.wiring import METADATA
from factories.database import new_database
from factories.settings import roomy_settings
from shell_blocks import ROOT

VERSIONS = sorted((ROOT / "migrations/versions").glob("*.py"))
_FIRST_FORM = """
    create function person_of_phone(wanted_hash bytea, new_id uuid) returns uuid
    language sql return new_id
"""
_MADE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (\w+)")
_WAITED_FOR = re.compile(
    r"(?:ALTER TABLE|REFERENCES|DROP TABLE|LOCK TABLE|INDEX \w+ ON) ((?:org|sys)_\w+)",
    re.IGNORECASE,
)
_LETS_PASS = re.compile("index concurrently|validate constraint", re.IGNORECASE)
_CANCEL_BUILD = """
    select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'create index concurrently%'
        and wait_event_type = 'Lock'
"""


def test_the_migrated_database_equals_the_models(settings: Settings) -> None:
    url = make_url(settings.database_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        differences = compare_metadata(context, METADATA)
    engine.dispose()

    assert differences == []


def test_check_constraints_too(owner_connection: psycopg.Connection) -> None:
    """Which Alembic does not compare."""
    there = owner_connection.execute(
        "select conrelid::regclass::text || '.' || conname from pg_constraint"
        " where contype = 'c' and connamespace = 'public'::regnamespace"
    ).fetchall()
    quoted = postgresql.dialect().identifier_preparer
    declared = {
        f"{table.name}.{quoted.format_constraint(constraint)}"
        for table in METADATA.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }

    assert {row[0] for row in there} == declared


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.stem)
def test_no_migration_waits_long_for_a_table_that_is_in_use(version: Path) -> None:
    """Who waits for it keeps all who come later waiting, and a foreign key waits too."""
    made: set[str] = set()
    is_bounded = False
    for statement in _statements_of(version):
        made |= set(_MADE.findall(statement))
        is_bounded |= "SET LOCAL LOCK_TIMEOUT" in statement.upper()
        waited_for = set(_WAITED_FOR.findall(statement)) - made
        assert is_bounded or _LETS_PASS.search(statement) or not waited_for, statement


def _statements_of(version: Path) -> list[str]:
    """What the upgrade sends, as SQL."""
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written}
    )
    with Operations.context(context):
        runpy.run_path(str(version))["upgrade"]()
    return written.getvalue().split(";\n")


@pytest.mark.parametrize("before", ["0007", "0009"])
def test_an_index_whose_build_was_interrupted_is_built_by_the_next_migrate(
    owner_url: str, template_database: str, before: str
) -> None:
    with new_database(owner_url, "interrupted", template_database) as url:
        settings = roomy_settings(url)
        command.downgrade(alembic_config(settings), before)
        with owner_connection(settings) as owner:
            _interrupt_a_build(settings, owner)
            assert _invalid(owner) != []
            apply_tables(settings)
            assert _invalid(owner) == []
        test_the_migrated_database_equals_the_models(settings)


def _interrupt_a_build(settings: Settings, owner: psycopg.Connection) -> None:
    """A build waits for whoever writes; what it has begun stays when it is cancelled then."""
    with (
        owner_connection(settings) as writer,
        ThreadPoolExecutor(1) as threads,
        writer.transaction(),
    ):
        writer.execute("lock table org_customers_mst in row exclusive mode")
        migrating = threads.submit(apply_tables, settings)
        _wait_until(lambda: bool(owner.execute(_CANCEL_BUILD).fetchall()))
        with pytest.raises(OperationalError, match="canceling statement"):
            migrating.result(timeout=30)


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not happened():
        assert monotonic() < deadline


def _invalid(owner: psycopg.Connection) -> list[tuple[object, ...]]:
    return owner.execute(
        "select indexrelid::regclass::text from pg_index where not indisvalid"
    ).fetchall()


def test_the_newest_key_of_persons_is_found_by_an_index(
    owner_connection: psycopg.Connection,
) -> None:
    with owner_connection.transaction():
        owner_connection.execute("set local enable_seqscan = off")
        plan = owner_connection.execute(
            "explain select max(p.key_version) from sys_customers_mst p"
        ).fetchall()
    assert any("sys_customers_mst_key_version_ix" in line for (line,) in plan)


def test_a_function_that_the_old_api_calls_goes_with_the_migrate_after_the_tables(
    owner_connection: psycopg.Connection,
) -> None:
    connection = owner_connection
    with connection.transaction(force_rollback=True):
        connection.execute(_FIRST_FORM)
        connection.execute("alter table sys_customers_mst rename key_version to to_come")
        apply_functions(connection)
        assert _forms(connection) == 2
        connection.execute("alter table sys_customers_mst rename to_come to key_version")
        apply_functions(connection)
        assert _forms(connection) == 1


def _forms(connection: psycopg.Connection) -> int:
    return len(
        connection.execute("select from pg_proc where proname = 'person_of_phone'").fetchall()
    )
