"""What an earlier run has left behind is taken away, so that each begins with the same."""

import psycopg
from psycopg import sql

from benchmarks.dataset.people import tenant_id
from benchmarks.dataset.tenants import KEPT_TABLES
from benchmarks.sizes import Size

_TABLES = r"""
select c.relname
from pg_class c
where c.relnamespace = 'public'::regnamespace
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and c.relname like 'org\_%'
"""


ATTEMPTS_MAX = 5


def remove_leftovers(url: str, size: Size) -> None:
    """As the superuser. Customers past the numbers of the data set, other tenants, all else.

    Where the product is up, what it looks at by itself may stand in the way: then once more.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            _remove(url, size)
        except psycopg.errors.DeadlockDetected:
            if attempt == ATTEMPTS_MAX:
                raise
        else:
            return


def _remove(url: str, size: Size) -> None:
    sizes = {tenant_id(tenant): customers for tenant, customers in enumerate(size.of_tenants())}
    with psycopg.connect(url) as connection:
        # Foreign keys would be looked at row by row; what points at a customer goes before it.
        connection.execute("set session_replication_role = replica")
        tables = {name for (name,) in connection.execute(_TABLES)}
        emptied = sql.SQL(", ").join(map(sql.Identifier, sorted(tables - KEPT_TABLES)))
        connection.execute(sql.SQL("truncate {}").format(emptied))
        connection.execute("delete from jobs.procrastinate_jobs")
        for (tenant,) in connection.execute("select id from sys_tenants_mst").fetchall():
            if tenant not in sizes:
                _remove_tenant(connection, tenant, tables & KEPT_TABLES)
            else:
                _remove_customers(connection, tenant, sizes[tenant])


def _remove_customers(connection: psycopg.Connection, tenant: object, last: int) -> None:
    values = {"tenant": tenant, "last": last}
    for statement in (_IDENTIFIERS, _CUSTOMERS, _COUNTER):
        connection.execute(statement.encode(), values)


_IDENTIFIERS = """
delete from org_customer_identifiers
where tenant_org_id = %(tenant)s
    and customer_id = any (array(
        select id
        from org_customers_mst
        where tenant_org_id = %(tenant)s and customer_seq > %(last)s
    ))
"""
_CUSTOMERS = """
delete from org_customers_mst
where tenant_org_id = %(tenant)s and customer_seq > %(last)s
"""
_COUNTER = """
update org_number_counters
set last_value = %(last)s
where tenant_org_id = %(tenant)s and series = 'customer'
"""


def _remove_tenant(connection: psycopg.Connection, tenant: object, tables: set[str]) -> None:
    for table in sorted(tables):
        connection.execute(
            sql.SQL("delete from {} where tenant_org_id = %s").format(sql.Identifier(table)),
            [tenant],
        )
    connection.execute("delete from sys_staff_tenants where tenant_org_id = %s", [tenant])
    connection.execute("delete from sys_tenants_mst where id = %s", [tenant])
