"""Jobs of imports: the work, and forgetting what has expired."""

from datetime import UTC, datetime

from sqlalchemy import select

from crm_saas.imports import staging
from crm_saas.imports.models import TABLE, Import
from crm_saas.imports.retention import BUSY
from crm_saas.imports.service import JOB
from crm_saas.imports.stored import result_name, upload_name
from crm_saas.imports.working import work
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue, enqueue_for_tenants
from crm_saas.tenancy.registry import tenant_ids

EXPIRE = "imports.expire"


async def expire(context: Context) -> None:
    """Removes the files and the rows of one import whose time is over; the import stays listed."""
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
        return
    await enqueue(context, EXPIRE, {})  # the next, or the rest of this one
    if await staging.forget_rows(context, row.id):
        return
    files = Files.from_settings(context.settings)
    for name_of in (result_name, upload_name):
        await files.delete(name_of(context.tenant.id, row.id))
    row.has_file = row.has_result = False
    row.sample = []
    await context.session.flush()
    await record(context, "import.expired", subject=(TABLE, row.id))


async def expire_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        await enqueue_for_tenants(session, await tenant_ids(session), EXPIRE)


JOBS = (
    Job(name=JOB, function=work, timeout_seconds=600, own_transactions=True),
    Job(name=EXPIRE, function=expire),
)
PERIODIC_JOBS = (
    PeriodicJob(name="imports.expire_everywhere", cron="41 * * * *", function=expire_everywhere),
)
