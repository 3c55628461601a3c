"""Columns that hold what `encrypt` sealed: declared by their slices, so that a new master key
reaches every one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from crm_saas.kit.crypto import CannotDecrypt, KeyRing, decrypt, encrypt

BATCH_ROWS = 500
_VERSION_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class SealedColumn:
    """`key` is the table's primary key; `place` makes the `aad` of a row from it and `also`."""

    table: str
    column: str
    key: Sequence[str]
    also: Sequence[str] = ()
    place: Callable[[Mapping[str, Any]], bytes]

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def seal_again(
    connection: psycopg.Connection[Any],
    ring: KeyRing,
    column: SealedColumn,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Seals with the newest key what others sealed; says how many rows.

    A transaction a batch: cut off, it has done what it has done, and goes on from there the next
    time. A row that is written meanwhile is left as it was written. What cannot be opened stays:
    `versions_of` counts it.
    """
    cursor = connection.cursor(row_factory=dict_row)
    done, last = 0, None
    while True:
        with connection.transaction():
            rows = cursor.execute(*_old_rows(column, ring.current, last)).fetchall()
            for row in rows:
                done += _seal_row(connection, ring, column, row)
        if not rows:
            return done
        last = [rows[-1][name] for name in column.key]
        progress(done)


def versions_of(connection: psycopg.Connection[Any], column: SealedColumn) -> dict[int, int]:
    """How many rows were sealed with each key."""
    counted = connection.execute(
        sql.SQL(
            "select substring({column} for {length}), count(*) from {table}"
            " where length({column}) >= {length} group by 1"
        ).format(
            column=sql.Identifier(column.column),
            table=sql.Identifier(column.table),
            length=sql.Literal(_VERSION_BYTES),
        )
    ).fetchall()
    return {int.from_bytes(version, "big"): rows for version, rows in counted}


def _old_rows(
    column: SealedColumn, version: int, last: list[Any] | None
) -> tuple[sql.Composed, list[Any]]:
    key = sql.SQL(", ").join(map(sql.Identifier, column.key))
    after = sql.SQL("and ({}) > ({})").format(
        key, sql.SQL(", ").join(sql.Placeholder() * len(column.key))
    )
    query = sql.SQL(
        "select {names} from {table} where substring({column} for {length}) <> %s {after}"
        " order by {key} limit {most}"
    ).format(
        names=sql.SQL(", ").join(
            map(sql.Identifier, dict.fromkeys([*column.key, *column.also, column.column]))
        ),
        table=sql.Identifier(column.table),
        column=sql.Identifier(column.column),
        length=sql.Literal(_VERSION_BYTES),
        after=after if last else sql.SQL(""),
        key=key,
        most=sql.Literal(BATCH_ROWS),
    )
    return query, [version.to_bytes(_VERSION_BYTES, "big"), *(last or [])]


def _seal_row(
    connection: psycopg.Connection[Any], ring: KeyRing, column: SealedColumn, row: Mapping[str, Any]
) -> int:
    place, sealed = column.place(row), row[column.column]
    try:
        again = encrypt(ring, decrypt(ring, sealed, place), place)
    except CannotDecrypt:
        return 0
    same_row = sql.SQL(" and ").join(
        sql.SQL("{} = %s").format(sql.Identifier(name)) for name in [*column.key, column.column]
    )
    changed = connection.execute(
        sql.SQL("update {} set {} = %s where {}").format(
            sql.Identifier(column.table), sql.Identifier(column.column), same_row
        ),
        [again, *(row[name] for name in column.key), sealed],
    )
    return changed.rowcount
