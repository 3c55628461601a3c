"""Indexes that are dropped while the rows come in, and made again from what is left behind."""

import time
from collections.abc import Callable

import psycopg
from psycopg import sql

TABLES = ("org_customers_mst", "org_customer_identifiers")

# Primary keys stay, since references point at them.
_DEFINITIONS = """
select
    c.relname,
    i.relname,
    case
        when k.oid is null then pg_get_indexdef(x.indexrelid)
        else format(
            'alter table %%I add constraint %%I %%s',
            c.relname,
            k.conname,
            pg_get_constraintdef(k.oid)
        )
    end,
    k.oid is not null
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class c on c.oid = x.indrelid
left join pg_constraint k on k.conindid = x.indexrelid and k.contype = 'u'
where c.relname = any (%s)
    and c.relnamespace = 'public'::regnamespace
    and not x.indisprimary
"""


def drop_indexes(connection: psycopg.Connection) -> None:
    """Writes down what makes them again, in the same transaction."""
    with connection.transaction():
        found = connection.execute(_DEFINITIONS, [list(TABLES)]).fetchall()
        for table, index, definition, is_constraint in found:
            connection.execute("insert into bench.indexes values (%s, %s)", [index, definition])
            what = (
                "alter table {table} drop constraint {index}"
                if is_constraint
                else "drop index {index}"
            )
            connection.execute(
                sql.SQL(what).format(table=sql.Identifier(table), index=sql.Identifier(index))
            )


def make_indexes(connection: psycopg.Connection, say: Callable[[str], None]) -> None:
    """Those that are not there, one after the other, each as soon as it is ready."""
    missing = connection.execute(
        """
        select index_name, definition
        from bench.indexes
        where to_regclass(index_name) is null
        order by definition like '%gin%', index_name
        """
    ).fetchall()
    for number, (name, definition) in enumerate(missing, 1):
        say(f"index {number} of {len(missing)}: {name} …")
        began = time.monotonic()
        connection.execute(definition)
        say(f"index {number} of {len(missing)}: {name}, {time.monotonic() - began:,.0f} s")
