"""Bulk work that is too much for one request."""

from uuid import UUID

from crm_saas.bulk.service import work_on
from crm_saas.kit.context import Context
from crm_saas.kit.jobs import Job


async def work(context: Context, bulk_id: UUID) -> None:
    await work_on(context, bulk_id)


JOBS = (Job(name="bulk.work", function=work),)
