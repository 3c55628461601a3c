"""Looks for duplicates behind the requests that may have made some (SPEC 5.1)."""

from uuid import UUID

from sqlalchemy import text

from crm_saas.customers.comparing import note, read_noted, remove_noted
from crm_saas.customers.models import Customer
from crm_saas.customers.queries import find_customer
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue, enqueue_for_tenants
from crm_saas.merges import finding

COMPARED_AT_ONCE = 100
_WAITING = text(
    """
    select t.id
    from sys_tenants_mst t
    where t.status = 'active'
        and exists (select from org_customers_to_compare c where c.tenant_org_id = t.id)
    order by t.id
    """
)


async def compare(context: Context) -> None:
    """Compares some of the customers that wait; a crash leaves them waiting."""
    noted = await read_noted(context, COMPARED_AT_ONCE)
    for row in noted:
        customer = await find_customer(context, Customer.id == row.id)
        if customer is not None and customer.status not in {"merged", "erased"}:
            await finding.find_duplicates(context, customer)
    await remove_noted(context, noted)
    if len(noted) == COMPARED_AT_ONCE:
        await enqueue(context, "merges.compare", {}, priority=-5)


async def compare_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        waiting = list(await session.scalars(_WAITING))
        await enqueue_for_tenants(session, waiting, "merges.compare", priority=-5)


async def find_duplicates(context: Context, customer_id: UUID) -> None:
    """What releases before 0007 put into the queue for each change of a customer."""
    await note(context, [customer_id])


JOBS = (
    Job(name="merges.compare", function=compare),
    Job(name="merges.find_duplicates", function=find_duplicates),
)
PERIODIC_JOBS = (
    PeriodicJob(
        name="merges.compare_everywhere", cron="* * * * * */5", function=compare_everywhere
    ),
)
