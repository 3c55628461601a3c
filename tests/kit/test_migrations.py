"""What the migrations make is what the models say."""

import re
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url

from crm_saas.kit.schema import apply_functions
from crm_saas.kit.settings import Settings
from crm_saas.wiring import METADATA
from shell_blocks import ROOT

VERSIONS = sorted((ROOT / "migrations/versions").glob("*.py"))
_FIRST_FORM = """
    create function person_of_phone(wanted_hash bytea, new_id uuid) returns uuid
    language sql return new_id
"""
_ALTERS = re.compile(r"op\.(?!create_table)\w+\((?:\s*\"\w+\",)?\s*\"((?:org|sys)_\w+)\",")


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
    """Who waits for it keeps all who come later waiting."""
    upgrade = version.read_text().partition("def downgrade")[0]
    made = set(re.findall(r"create_table\(\s*\"(\w+)\"", upgrade))
    bounded, there, rest = upgrade.partition("set local lock_timeout")
    assert set(_ALTERS.findall(bounded)) <= made
    assert not there or set(_ALTERS.findall(rest)) - made


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
