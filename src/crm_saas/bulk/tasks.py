"""Bulk work that is too much for one request, and forgetting what was done long ago."""

from uuid import UUID

from sqlalchemy import ColumnElement, Interval, cast, delete, func, select

from crm_saas.bulk.models import TABLE, BulkJob
from crm_saas.bulk.service import work_on
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue, enqueue_for_tenants

FORGET = "bulk.forget"
FORGET_AT_ONCE = 100
# Whom it meant and what they were given: the customers' own history has that, and goes with them.
FORGOTTEN_DAYS = 30


async def work(context: Context, bulk_id: UUID) -> None:
    await work_on(context, bulk_id)


async def forget(context: Context) -> None:
    ended = await context.session.scalars(
        select(BulkJob.id)
        .where(BulkJob.tenant_org_id == context.tenant.id, _is_forgotten())
        .order_by(BulkJob.id)
        .limit(FORGET_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = list(ended)
    if not ids:
        return
    await context.session.execute(
        delete(BulkJob).where(BulkJob.tenant_org_id == context.tenant.id, BulkJob.id.in_(ids))
    )
    await record(context, "customers.bulk_forgotten", subject=(TABLE, None), rows={TABLE: ids})
    await enqueue(context, FORGET, {}, priority=-10)


async def forget_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        found = await session.scalars(
            select(BulkJob.tenant_org_id)
            .where(_is_forgotten())
            .distinct()
            .order_by(BulkJob.tenant_org_id)
        )
        await enqueue_for_tenants(session, list(found), FORGET)


def _is_forgotten() -> ColumnElement[bool]:
    """By the last that happened to it: what never ended has lost its job."""
    long_ago = func.now() - cast(f"{FORGOTTEN_DAYS} days", Interval)
    return func.coalesce(BulkJob.finished_at, BulkJob.updated_at) < long_ago


JOBS = (Job(name="bulk.work", function=work), Job(name=FORGET, function=forget))
PERIODIC_JOBS = (
    PeriodicJob(name="bulk.forget_everywhere", cron="27 2 * * *", function=forget_everywhere),
)
