"""What migrations share."""

from collections.abc import Sequence

from alembic import op


def protect(table: str) -> None:
    """Turns row-level security on and forces it on the owner too, in the migration that creates it.

    The policies come from sql/policies at the end of every migrate; until then nobody sees a row.
    """
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")


def build_index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Builds an index while the table is written, outside a transaction (`autocommit_block`).

    One that was interrupted is there and good for nothing; it is made again.
    """
    op.execute(f"drop index concurrently if exists {name}")
    partial = f" where {where}" if where else ""
    op.execute(f"create index concurrently {name} on {table} ({', '.join(columns)}){partial}")


def rebuild_index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Builds it in another form beside the one in use, which goes when the new one is there."""
    build_index(f"{name}_new", table, columns, where)
    op.execute(f"drop index concurrently if exists {name}")
    op.execute(f"alter index {name}_new rename to {name}")
