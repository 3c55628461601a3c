"""What the migrations make is what the models say."""

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url

from crm_saas.kit.settings import Settings
from crm_saas.wiring import METADATA


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
