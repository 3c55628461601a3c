"""What migrations share."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import text


def protect(table: str) -> None:
    """Turns row-level security on and forces it on the owner too, in the migration that creates it.

    The policies come from sql/policies at the end of every migrate; until then nobody sees a row.
    """
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")


def build_index(
    name: str,
    table: str,
    columns: Sequence[str],
    where: str | None = None,
    *,
    using: str = "btree",
    options: str | None = None,
) -> None:
    """Builds an index while the table is written, outside a transaction (`autocommit_block`).

    One that is there from a run before stays; one that was interrupted is good for nothing, and is
    made again. A revision that calls this does nothing else but what can be run again too: what
    went before is committed, while the version is not.
    """
    if _is_built(name):
        return
    op.execute(f"drop index concurrently if exists {name}")
    stored = f" with ({options})" if options else ""
    partial = f" where {where}" if where else ""
    op.execute(
        f"create index concurrently {name} on {table} using {using} ({', '.join(columns)})"
        f"{stored}{partial}"
    )


def rebuild_index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Builds it in another form beside the one in use, which goes when the new one is there."""
    build_index(f"{name}_new", table, columns, where)
    op.execute(f"drop index concurrently if exists {name}")
    op.execute(f"alter index {name}_new rename to {name}")


def _is_built(name: str) -> bool:
    if op.get_context().as_sql:
        return False
    found = op.get_bind().execute(
        text("select indisvalid from pg_index where indexrelid = to_regclass(:name)"),
        {"name": name},
    )
    return bool(found.scalar())
