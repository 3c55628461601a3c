"""One made-up row in a tenant's every table, its values found in the catalogue alone.

A new table so enters the canary's walk and the tests by itself.
"""

import itertools
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

ATTEMPTS_MAX = 60

_COLUMNS = """
    select
        a.attname,
        format_type(a.atttypid, a.atttypmod),
        a.attnotnull and not a.atthasdef and a.attidentity = '',
        a.attgenerated <> ''
    from pg_attribute a
    where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
    order by a.attnum
"""
_CHECKS = """
    select
        k.conname,
        pg_get_constraintdef(k.oid),
        array(
            select a.attname::text
            from pg_attribute a
            where a.attrelid = k.conrelid and a.attnum = any (k.conkey)
            order by a.attnum
        )
    from pg_constraint k
    where k.conrelid = %s::regclass and k.contype = 'c'
"""
_REFERENCES = """
    select
        k.confrelid::regclass::text,
        (
            select array_agg(a.attname::text order by key.place)
            from unnest(k.conkey) with ordinality as key (number, place)
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.number
        ),
        (
            select array_agg(a.attname::text order by key.place)
            from unnest(k.confkey) with ordinality as key (number, place)
            join pg_attribute a on a.attrelid = k.confrelid and a.attnum = key.number
        )
    from pg_constraint k
    where k.conrelid = %s::regclass and k.contype = 'f'
    order by k.conkey
"""
_LITERAL = re.compile(r"'((?:[^']|'')*)'::text")
# Tried in turn where a check is not a list of words.
_WORDS = ("OM", "OMR", "en", "a", "1", "+96890000000", "https://example.com")
_VALUES = {
    "integer": "1", "bigint": "1", "smallint": "1", "numeric": "1", "double precision": "1",
    "boolean": "false", "date": "2000-01-01", "interval": "1 hour", "inet": "192.0.2.1",
    "timestamp with time zone": "2000-01-01T00:00:00Z", "jsonb": "{}", "json": "{}",
}  # fmt: skip

Row = dict[str, str | None]


class CannotPlant(RuntimeError):
    """No row that the table's constraints accept was found; names the table."""


class _Column(NamedTuple):
    name: str
    type: str
    is_needed: bool
    is_generated: bool


class Planter:
    """Plants rows for one tenant, in the connection's transaction; keeps what it planted."""

    def __init__(self, connection: psycopg.Connection, tenant_id: UUID) -> None:
        self.connection = connection
        self.tenant_id = tenant_id
        self.rows: dict[str, Row] = {}
        self.more: dict[str, list[Row]] = {}  # further parents of one child

    def on(self, connection: psycopg.Connection) -> Self:
        """The same rows, seen through another connection."""
        other = type(self)(connection, self.tenant_id)
        other.rows, other.more = self.rows, self.more
        return other

    def plant(self, table: str, given: Mapping[str, str] | None = None) -> Row:
        """A row of `table`, after one of each table that it must refer to; `given` goes first."""
        if table in self.rows:
            return self.rows[table]
        self.rows[table] = self._plant(table, given or {})
        return self.rows[table]

    def ids(self) -> dict[str, list[str]]:
        """Every planted row, by table."""
        return {
            table: [row["id"] or "" for row in [first, *self.more.get(table, [])]]
            for table, first in self.rows.items()
        }

    def _plant(self, table: str, given: Mapping[str, str]) -> Row:
        values: Row = {}
        columns = self._columns(table)
        for column in columns.values():
            if column.name == "tenant_org_id" or (table, column.name) == ("sys_tenants_mst", "id"):
                values[column.name] = str(self.tenant_id)
            elif column.name == "id" or column.is_needed:
                values[column.name] = self._candidates(table, column)[0]
        taken: Counter[str] = Counter()
        for parent, here, there in self.connection.execute(_REFERENCES, [table]).fetchall():
            if set(here) <= values.keys() and parent != table:
                found = self._parents(parent, taken[parent] + 1)[taken[parent]]
                taken[parent] += "id" in there and len(here) > 1
                values |= {h: found[t] for h, t in zip(here, there, strict=True)}
        return self._insert_some(table, values | dict(given))

    def _parents(self, table: str, how_many: int) -> list[Row]:
        """Different rows for a child that names several; in the order of their ids."""
        rows = [self.plant(table), *self.more.setdefault(table, [])]
        while len(rows) < how_many:
            # The highest id of all, so that the order of those given out before stays.
            row = self._plant(table, {"id": f"ffffffff{str(uuid4())[8:]}"})
            self.more[table].append(row)
            rows.append(row)
        return rows

    def insert(self, table: str, values: Mapping[str, str | None]) -> None:
        columns = self._columns(table)
        self.connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(
                    sql.SQL("{}::" + columns[name].type).format(sql.Placeholder())
                    for name in values
                ),
            ),
            list(values.values()),
        )

    def _insert_some(self, table: str, values: Row) -> Row:
        """Inserts `values`, or the nearest row to them that the table's checks accept."""
        attempts: dict[str, Iterator[Row]] = {}
        for _ in range(ATTEMPTS_MAX):
            try:
                with self.connection.transaction():
                    self.insert(table, values)
            except psycopg.errors.CheckViolation as error:
                name = error.diag.constraint_name or ""
                if name not in attempts:
                    attempts[name] = self._variants(table, name)
                change = next(attempts[name], None)
                if change is None:
                    break
                values = values | change
            else:
                return values
        raise CannotPlant(
            f"No row of {table} was found that its checks accept. "
            "Give the columns that need more than a word a default, or teach doctor/planting.py."
        )

    def _variants(self, table: str, constraint: str) -> Iterator[Row]:
        """Other values for the columns of one check."""
        columns = self._columns(table)
        checks = self.connection.execute(_CHECKS, [table]).fetchall()
        names = next((list(named) for name, _, named in checks if name == constraint), [])
        choices: list[list[str | None]] = [
            [*self._candidates(table, columns[name]), *([] if columns[name].is_needed else [None])]
            for name in names
        ]
        for combination in itertools.product(*choices):
            yield dict(zip(names, combination, strict=True))

    def _candidates(self, table: str, column: _Column) -> list[str]:
        if column.type == "uuid":
            return [str(uuid4())]
        if column.type == "bytea":
            return ["\\x" + secrets.token_hex(32)]
        if column.type.endswith("[]"):
            return ["{}"]
        if column.type.partition("(")[0] in _VALUES:
            return [_VALUES[column.type.partition("(")[0]]]
        for _, definition, names in self.connection.execute(_CHECKS, [table]).fetchall():
            if names == [column.name] and "ANY" in definition:
                return [word.replace("''", "'") for word in _LITERAL.findall(definition)]
        return [f"canary-{secrets.token_hex(6)}", *_WORDS]

    def _columns(self, table: str) -> dict[str, _Column]:
        found: list[Any] = self.connection.execute(_COLUMNS, [table]).fetchall()
        columns = [_Column(*row) for row in found]
        return {column.name: column for column in columns if not column.is_generated}
