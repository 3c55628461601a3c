"""Tidying up what every tenant gathers."""

from datetime import timedelta

from sqlalchemy import delete, func

from crm_saas.kit.budgets import RequestBudget
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.idempotency import StoredAnswer
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue_for_tenants
from crm_saas.tenancy.registry import tenant_ids

ANSWERS_KEPT = timedelta(hours=24)
BUDGETS_KEPT = timedelta(minutes=10)


async def forget_answers(context: Context) -> None:
    """Removes the stored answers of idempotent requests once nobody will ask for them again."""
    await context.session.execute(
        delete(StoredAnswer).where(
            StoredAnswer.tenant_org_id == context.tenant.id,
            # The clock that wrote it: a worker's own may run an hour ahead.
            StoredAnswer.created_at < func.now() - ANSWERS_KEPT,
        )
    )


async def forget_answers_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        await enqueue_for_tenants(session, await tenant_ids(session), "tenancy.forget_answers")


async def forget_budgets(platform: Database) -> None:
    """Of windows that are over; the lease of a process ends with its window."""
    async with platform.transaction(None) as session:
        await session.execute(
            delete(RequestBudget).where(RequestBudget.window_start < func.now() - BUDGETS_KEPT)
        )


JOBS = (Job(name="tenancy.forget_answers", function=forget_answers),)
PERIODIC_JOBS = (
    PeriodicJob(
        name="tenancy.forget_answers_everywhere",
        cron="41 * * * *",
        function=forget_answers_everywhere,
    ),
    PeriodicJob(name="tenancy.forget_budgets", cron="*/5 * * * *", function=forget_budgets),
)
