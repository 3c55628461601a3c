"""Jobs of imports: the work, and forgetting what has expired."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.imports import staging
from crm_saas.imports.models import TABLE, Import
from crm_saas.imports.retention import BUSY, LISTED_DAYS, LOST_AFTER
from crm_saas.imports.runs import give_up
from crm_saas.imports.service import JOB
from crm_saas.imports.stored import RESULTS, UPLOADS, result_name, upload_name
from crm_saas.imports.working import work
from crm_saas.kit.context import Context, renewed
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue, enqueue_for_tenants
from crm_saas.kit.strays import forget_strays
from crm_saas.tenancy.registry import tenant_ids

EXPIRE = "imports.expire"
FORGET_AT_ONCE = 100


async def expire(context: Context) -> None:
    """Removes the files and the rows of one import whose time is over; it stays listed for a while.

    The store may take its time, so no transaction is open meanwhile. A file that stays when this
    dies in between is a stray, and goes as one.
    """
    async with renewed(context) as ending:
        await _end_lost(ending)
    async with renewed(context) as ending:
        await _forget_ended(ending)
    async with renewed(context) as ending:
        import_id = await _end_overdue(ending)
    if import_id is None:
        return
    files = Files.from_settings(context.settings)
    for name_of in (result_name, upload_name):
        await files.delete(name_of(context.tenant.id, import_id))


async def _end_lost(context: Context) -> None:
    row = await context.session.scalar(
        select(Import)
        .where(
            Import.tenant_org_id == context.tenant.id,
            Import.status.in_(BUSY),
            Import.updated_at < datetime.now(UTC) - LOST_AFTER,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is not None:
        await give_up(context, row)


async def _end_overdue(context: Context) -> UUID | None:
    """The import whose files are to go, once its rows have gone."""
    row = await context.session.scalar(
        select(Import)
        .where(
            Import.tenant_org_id == context.tenant.id,
            Import.expires_at <= datetime.now(UTC),
            Import.has_file,
            Import.status.not_in(BUSY),
        )
        .order_by(Import.expires_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    await enqueue(context, EXPIRE, {})  # the next, or the rest of this one
    if await staging.forget_rows(context, row.id):
        return None
    row.has_file = row.has_result = False
    row.sample = []
    await context.session.flush()
    await record(context, "import.expired", subject=(TABLE, row.id))
    expired: UUID = row.id
    return expired


async def _forget_ended(context: Context) -> None:
    """What was imported long ago: the trail keeps it, and a list need not."""
    ended = await context.session.scalars(
        select(Import.id)
        .where(
            Import.tenant_org_id == context.tenant.id,
            Import.expires_at < datetime.now(UTC) - timedelta(days=LISTED_DAYS),
            Import.has_file.is_(False),
        )
        .order_by(Import.id)
        .limit(FORGET_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    if ids := list(ended):
        await context.session.execute(
            delete(Import).where(Import.tenant_org_id == context.tenant.id, Import.id.in_(ids))
        )
        await record(context, "imports.forgotten", subject=(TABLE, None), rows={TABLE: ids})


async def expire_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        await enqueue_for_tenants(session, await tenant_ids(session), EXPIRE)


async def forget_files(platform: Database) -> None:
    """Files in this slice's rooms that belong to no import."""
    await forget_strays(platform, (UPLOADS, RESULTS), _names_of)


async def _names_of(session: AsyncSession, tenants: Collection[UUID]) -> set[str]:
    rows = await session.execute(
        select(Import.tenant_org_id, Import.id).where(
            Import.tenant_org_id.in_(tenants), Import.has_file
        )
    )
    return {name_of(*row) for row in rows for name_of in (upload_name, result_name)}


JOBS = (
    Job(name=JOB, function=work, timeout_seconds=3500, own_transactions=True),
    Job(name=EXPIRE, function=expire, timeout_seconds=600, own_transactions=True),
)
PERIODIC_JOBS = (
    PeriodicJob(name="imports.expire_everywhere", cron="41 * * * *", function=expire_everywhere),
    PeriodicJob(name="imports.forget_files", cron="37 2 * * *", function=forget_files),
)
