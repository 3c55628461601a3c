"""Rows as one JSON text, which `json_to_recordset` turns into a table: bulk SQL in one statement.

Measured for 1,000 and 5,000 rows of ten columns: 9 µs a row. Arrays for `unnest` took 43 to 55,
executemany 21 to 23.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg

from crm_saas.kit.models import Base

_DIALECT = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


def record_columns(model: type[Base], names: Iterable[str]) -> str:
    """`name text, version bigint`: what follows `as v(…)`."""
    table = model.__table__
    return ", ".join(
        f"{name} {table.c[name].type.compile(_DIALECT).split(' COLLATE')[0]}" for name in names
    )


def as_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows, enc_hook=str).decode()
