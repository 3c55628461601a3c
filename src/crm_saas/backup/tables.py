"""What belongs to a tenant, found in the catalogue: a new `org_*` table enters by itself."""

from graphlib import TopologicalSorter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor, sql
from sqlalchemy.ext.asyncio import AsyncSession

TENANT = "sys_tenants_mst"
ACCOUNTS = "sys_staff_mst"
MEMBERSHIPS = "sys_staff_tenants"

# One transaction of a backup: millions of customers, into a slow pipe.
LOAN_SECONDS_MAX = 24 * 3600

# Which rows of the global tables are a tenant's too. Accounts bring their password's hash, without
# which nobody could sign in to a restored tenant; a known account is never changed by an import.
SYSTEM_ROWS = {
    TENANT: "id = {tenant}",
    ACCOUNTS: """id in (
        select s.staff_id from sys_staff_tenants s where s.tenant_org_id = {tenant}
        union
        select m.staff_id from org_members m where m.tenant_org_id = {tenant}
    )""",
    MEMBERSHIPS: "tenant_org_id = {tenant}",
}
# What stays behind, with the reason.
SYSTEM_LEFT = {
    "sys_customers_mst": "the platform's: a person is found again by the phone at the import",
    "sys_log_in_attempts": "of a quarter of an hour, over all tenants",
    "sys_otp_budgets": "of a day, over all tenants",
    "sys_otp_codes": "of five minutes",
    "sys_request_budgets": "of seconds, over all tenants",
    "sys_staff_sessions": "a person's, not a tenant's",
}

# Names its tenant in a way that a copy under another id cannot keep.
BOUND_TO_TENANT = {
    "org_api_keys": "the tenant's id is in each key",
    "org_api_key_uses": "goes with its key",
    "org_idempotency_keys": "sealed for its tenant, and asked for by a key of it",
    "org_audit_heads": "goes with the seals",
    "org_audit_seals": "the tenant's id is in each seal; the copy's trail is sealed anew",
}

# The id of a person is the platform's and leaves it in no file: only that there is one.
_HIDDEN = {
    ("org_customers_mst", "person_id"): (
        "case when person_id is not null and phone is not null then id end"
    )
}

_COLUMNS = r"""
    select c.relname, array_agg(a.attname::text order by a.attnum),
        array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p')
        and not c.relispartition
        and (c.relname like 'org\_%%' or c.relname = any (%s))
        and a.attgenerated = ''
        and a.attname <> 'tenant_org_id'
    group by c.relname
    order by c.relname
"""
_REFERENCES = r"""
    select child.relname, parent.relname
    from pg_constraint k
    join pg_class child on child.oid = k.conrelid
    join pg_class parent on parent.oid = k.confrelid
    where k.contype = 'f'
        and child.relnamespace = 'public'::regnamespace
        and child.oid <> parent.oid
        and child.relname like 'org\_%'
        and parent.relname like 'org\_%'
"""


class Table(NamedTuple):
    name: str
    columns: dict[str, str]

    @property
    def is_tenants(self) -> bool:
        """Whether its rows name their tenant; the others are global."""
        return self.name not in SYSTEM_ROWS

    def content(self, tenant_id: UUID) -> sql.Composed:
        """COPY of the tenant's rows, in a fixed order, without the tenant's id."""
        condition = SYSTEM_ROWS.get(self.name, "tenant_org_id = {tenant}")
        return sql.SQL("copy (select {} from {} where {} order by 1) to stdout").format(
            sql.SQL(", ").join(self._written(column) for column in self.columns),
            self.identifier,
            sql.SQL(condition).format(tenant=sql.Literal(tenant_id)),
        )

    def _written(self, column: str) -> sql.Composable:
        hidden = _HIDDEN.get((self.name, column))
        return sql.SQL(hidden) if hidden else sql.Identifier(column)

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    @property
    def names(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


async def tables_of_tenants(cursor: AsyncCursor[Any]) -> list[Table]:
    """The global ones first, then each after those that it refers to."""
    await cursor.execute(_COLUMNS, [list(SYSTEM_ROWS)])
    found = {
        name: Table(name, dict(zip(columns, types, strict=True)))
        for name, columns, types in await cursor.fetchall()
    }
    await cursor.execute(_REFERENCES)
    order: TopologicalSorter[str] = TopologicalSorter(
        {name: set() for name in sorted(found) if name not in SYSTEM_ROWS}
    )
    for child, parent in sorted(await cursor.fetchall()):
        order.add(child, parent)
    return [found[name] for name in (*SYSTEM_ROWS, *order.static_order())]


async def schema_revision(cursor: AsyncCursor[Any]) -> str:
    await cursor.execute("select version_num from alembic_version")
    [[revision]] = await cursor.fetchall()
    return str(revision)


async def write_plainly(cursor: AsyncCursor[Any]) -> None:
    """Values are written so that they read back to the bit, whatever the server's settings."""
    await cursor.execute(
        """
        set local datestyle = 'ISO, YMD';
        set local intervalstyle = 'iso_8601';
        set local timezone = 'UTC';
        set local extra_float_digits = 1;
        set local bytea_output = 'hex';
        """
    )


async def driver_cursor(session: AsyncSession) -> AsyncCursor[Any]:
    """COPY is the driver's; in the session's own transaction."""
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    if not isinstance(driver, AsyncConnection):
        raise TypeError("COPY needs psycopg's connection")
    return driver.cursor()
