"""Takes a tenant off the platform, with every row and file of it.

Two steps. It is marked as closing first, from when on no request and no job of it begins; once all
transactions that began before have ended, nothing can write a row of it any more, and everything
goes in one transaction. An interrupted deletion is begun again, or taken back with `resume`.
"""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncCursor, sql
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.backup.exporting import Tell
from crm_saas.backup.tables import LOAN_SECONDS_MAX, driver_cursor, tables_of_tenants
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Conflict
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.settings import Settings
from crm_saas.operator import platform
from crm_saas.tenancy.registry import context_within

WAIT_SECONDS_MAX = 120.0
_POLL_SECONDS = 0.05

# Every transaction holds a lock on its own virtual id, which all roles may see.
_RUNNING = """
    select l.virtualtransaction
    from pg_locks l
    join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'virtualxid'
        and l.mode = 'ExclusiveLock'
        and l.granted
        and a.datname = current_database()
        and a.usename in ('crm_app', 'crm_platform')
        and l.pid <> pg_backend_pid()
"""
_SYSTEM_ROWS = {
    "sys_otp_codes": "delete from sys_otp_codes where tenant_org_id = %s",
    "sys_staff_tenants": "delete from sys_staff_tenants where tenant_org_id = %s",
}


class Deleted(msgspec.Struct, rename="camel"):
    id: UUID
    slug: str
    rows: dict[str, int]


async def delete_tenant(
    settings: Settings, *, slug: str, tell: Tell, wait_seconds_max: float = WAIT_SECONDS_MAX
) -> Deleted:
    """Raises NotFound, and Conflict for one that is not suspended or still busy."""
    async with platform(settings, loan_seconds_max=LOAN_SECONDS_MAX) as database:
        await _close(database, slug)
        tell("Waiting for what began before …")
        await _wait_for_older_transactions(database, wait_seconds_max)
        async with database.transaction(None) as session:
            deleted = await _delete(session, database, slug, tell)
        # Once more: a worker may have ended a file, whose rows it had read before. What one ends
        # later still is removed by itself, or as a stray.
        await Files.from_settings(settings).delete_all(str(deleted.id))
        return deleted


async def _close(database: Database, slug: str) -> None:
    async with database.transaction(None) as session:
        context = await context_within(session, database, slug=slug, lock=True)
        status = context.tenant.status
        if status == "active":
            raise Conflict(
                f"The tenant `{slug}` is active. Export it if anybody may want it back, then run "
                f"crm-saas tenants suspend --slug {slug}"
            )
        if status == "closing":
            return
        cursor = await driver_cursor(session)
        await cursor.execute(
            "update sys_tenants_mst set status = 'closing' where id = %s", [context.tenant.id]
        )
        await record(
            context,
            "tenant.closing",
            subject=("sys_tenants_mst", context.tenant.id),
            before={"status": status},
            after={"status": "closing"},
        )


async def _wait_for_older_transactions(database: Database, seconds_max: float) -> None:
    """Raises Conflict. The tenant stays closed meanwhile, so it can be tried again."""
    older = await _running(database)
    clock = asyncio.get_running_loop()
    ends_at = clock.time() + seconds_max
    while older & await _running(database):
        if clock.time() > ends_at:
            raise Conflict(
                f"Transactions that began {seconds_max:.0f} seconds ago still run, and may write "
                "rows of this tenant. It is served no more; run the same command again."
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _running(database: Database) -> set[str]:
    async with database.transaction(None) as session:
        cursor = await driver_cursor(session)
        await cursor.execute(_RUNNING)
        return {virtual_id for (virtual_id,) in await cursor.fetchall()}


async def _delete(session: AsyncSession, database: Database, slug: str, tell: Tell) -> Deleted:
    context = await context_within(session, database, slug=slug, lock=True)
    if context.tenant.status != "closing":
        raise Conflict(f"The tenant `{slug}` was resumed meanwhile. Nothing was deleted.")
    tenant_id = context.tenant.id
    cursor = await driver_cursor(session)
    accounts = await _locked_accounts(cursor, tenant_id)
    removed = {}
    tables = [table for table in await tables_of_tenants(cursor) if table.is_tenants]
    for table in reversed(tables):
        await cursor.execute(
            sql.SQL("delete from {} where tenant_org_id = %s").format(table.identifier),
            [tenant_id],
        )
        removed[table.name] = cursor.rowcount
        tell(f"{table.name}: {cursor.rowcount:,} rows")
    for name, statement in _SYSTEM_ROWS.items():
        await cursor.execute(statement.encode(), [tenant_id])
        removed[name] = cursor.rowcount
    removed["sys_staff_mst"] = await _delete_orphans(cursor, accounts)
    await _forget_jobs(cursor, context)
    await cursor.execute("delete from sys_tenants_mst where id = %s", [tenant_id])
    # Last, and before the commit: a store that fails leaves a tenant that can be deleted again.
    await Files.from_settings(database.settings).delete_all(str(tenant_id))
    tell("Its files are gone.")
    return Deleted(tenant_id, slug, removed)


async def _locked_accounts(cursor: AsyncCursor[Any], tenant_id: UUID) -> list[UUID]:
    """Its staff's. Locked before anybody asks where else they belong, so that a membership which
    another tenant gives just now is either seen or waits."""
    await cursor.execute(
        """
        select s.id
        from sys_staff_mst s
        where s.id in (select t.staff_id from sys_staff_tenants t where t.tenant_org_id = %s)
        order by s.id
        for update
        """,
        [tenant_id],
    )
    return [account for (account,) in await cursor.fetchall()]


async def _delete_orphans(cursor: AsyncCursor[Any], accounts: list[UUID]) -> int:
    """The accounts that belong nowhere now; their sessions go with them."""
    await cursor.execute(
        """
        delete from sys_staff_mst s
        where s.id = any (%s)
            and not exists (select from sys_staff_tenants t where t.staff_id = s.id)
        """,
        [accounts],
    )
    return cursor.rowcount


async def _forget_jobs(cursor: AsyncCursor[Any], context: Context) -> None:
    await cursor.execute("select forget_tenant_jobs(%s)", [context.tenant.id])
