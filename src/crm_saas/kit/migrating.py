"""What migrations share."""

from alembic import op


def protect(table: str) -> None:
    """Turns row-level security on and forces it on the owner too, in the migration that creates it.

    The policies come from sql/policies at the end of every migrate; until then nobody sees a row.
    """
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
