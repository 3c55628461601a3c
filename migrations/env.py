"""Alembic's environment: runs the versions on the engine that `migrate` hands over."""

from alembic import context

from crm_saas.wiring import METADATA

engine = context.config.attributes["engine"]

try:
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=METADATA, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    engine.dispose()
