"""Canaries: a row of a made-up tenant in every `org_*` table, which no other tenant may reach.

In one transaction that is rolled back, crm_platform plants them and then becomes crm_app, which
looks for them as another tenant, as no tenant, and as their own.
"""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from crm_saas.doctor.checks import APP, Check
from crm_saas.doctor.planting import CannotPlant, Planter
from crm_saas.kit.schema import tenant_tables

Query = sql.SQL | sql.Composed
_REFUSED = psycopg.errors.InsufficientPrivilege


def find_seen_canaries(connection: psycopg.Connection) -> Iterator[str]:
    connection.execute("set local lock_timeout = '2s'")
    connection.execute("set local statement_timeout = '30s'")
    tables = tenant_tables(connection)
    planter = Planter(connection, uuid4())
    try:
        for table in tables:
            planter.plant(table)
    except CannotPlant as error:
        yield str(error)
        return
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(APP)))
    for table in tables:
        yield from find_open_doors(planter, table)


def find_open_doors(planter: Planter, table: str) -> Iterator[str]:
    """Every way to one planted row, tried by whoever the planter's connection is."""
    connection = planter.connection
    stranger = uuid4()
    if _count(connection, None, _select(table)) is not None:
        yield f"Without a tenant, {table} can be read; it must be an error."
    if _count(connection, stranger, _select(table)):
        yield f"A tenant sees rows of another in {table}."
    if _count(connection, stranger, _select(table, planter)):
        yield f"A tenant that names a row of another sees it in {table}."
    if _count(connection, stranger, _update(table, planter)):
        yield f"A tenant can change another's row in {table}."
    if _count(connection, stranger, _delete(table, planter)):
        yield f"A tenant can delete another's row in {table}."
    if _inserts(stranger, table, planter):
        yield f"A tenant can add a row to another in {table}."
    if _count(connection, planter.tenant_id, _move(table, planter, stranger)):
        yield f"A tenant can hand a row to another in {table}."
    if _count(connection, planter.tenant_id, _select(table, planter)) != 1:
        yield f"A tenant does not see its own row in {table}."


def _count(connection: psycopg.Connection, tenant: UUID | None, query: Query) -> int | None:
    """How many rows the query reaches as `tenant`; none where it may not be asked at all."""
    try:
        with connection.transaction(force_rollback=True):
            _set_scope(connection, tenant)
            rows = connection.execute(query).fetchall()
    except _REFUSED:
        return None
    except psycopg.errors.IntegrityError:
        return 1  # the policies come before the constraints: it got past them
    return len(rows)


def _inserts(tenant: UUID, table: str, planter: Planter) -> bool:
    connection = planter.connection
    try:
        with connection.transaction(force_rollback=True):
            _set_scope(connection, tenant)
            planter.insert(table, planter.rows[table] | {"id": str(uuid4())})
    except _REFUSED:
        return False
    except psycopg.errors.IntegrityError:
        return True
    return True


def _set_scope(connection: psycopg.Connection, tenant: UUID | None) -> None:
    if tenant is not None:
        connection.execute("select set_request_scope(%s, 'all', null, '{}')", [tenant])


def _select(table: str, planter: Planter | None = None) -> Query:
    """Two rows tell as much as all of them."""
    found = sql.SQL("select 1 from {}").format(sql.Identifier(table))
    return found + (_of_row(table, planter) if planter else sql.SQL("")) + sql.SQL(" limit 2")


def _update(table: str, planter: Planter) -> Query:
    changed = sql.SQL("update {} set id = id").format(sql.Identifier(table))
    return changed + _of_row(table, planter) + sql.SQL(" returning 1")


def _move(table: str, planter: Planter, tenant: UUID) -> Query:
    changed = sql.SQL("update {} set tenant_org_id = {}").format(
        sql.Identifier(table), sql.Literal(tenant)
    )
    return changed + _of_row(table, planter) + sql.SQL(" returning 1")


def _delete(table: str, planter: Planter) -> Query:
    removed = sql.SQL("delete from {}").format(sql.Identifier(table))
    return removed + _of_row(table, planter) + sql.SQL(" returning 1")


def _of_row(table: str, planter: Planter) -> Query:
    row = planter.rows[table]
    return sql.SQL(" where tenant_org_id = {} and id = {}").format(
        sql.Literal(row["tenant_org_id"]), sql.Literal(row["id"])
    )


CHECK = Check(
    "canary", "A row of another tenant is out of reach in every table.", find_seen_canaries
)
