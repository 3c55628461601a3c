"""Looks for duplicates behind the requests that may have made some (SPEC 5.1)."""

from contextlib import suppress
from uuid import UUID

from sqlalchemy import text

from crm_saas.customers.comparing import count_noted, note, read_noted, remove_noted
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue, enqueue_for_tenants
from crm_saas.merges import finding, grounds, sweeps
from crm_saas.merges.names import numbers_given
from crm_saas.merges.sweeping import SweepEnded, take_step
from crm_saas.merges.sweeps import JOB, PRIORITY, find_running

COMPARED_AT_ONCE = 100
# When so many wait, as after an import, a sweep is done sooner. One customer alone costs 20 to 240
# ms (measured after an import of 5,000), and a sweep half a millisecond for each that there is.
SWEPT_INSTEAD = 20_000
_SWEPT_SHARE = 50
_SWEPT_FROM = 300
_WAITING = text(
    """
    select t.id
    from sys_tenants_mst t
    where t.status = 'active'
        and exists (select from org_customers_to_compare c where c.tenant_org_id = t.id)
    order by t.id
    """
)
_SWEEPING = text(
    """
    select t.id
    from sys_tenants_mst t
    where t.status = 'active'
        and exists (
            select from org_duplicate_sweeps s
            where s.tenant_org_id = t.id and s.status = 'running'
        )
    order by t.id
    """
)


async def compare(context: Context) -> None:
    """Compares some of the customers that wait; a crash leaves them waiting."""
    most = await _one_by_one_max(context)
    if await count_noted(context, most + 1) > most and await sweeps.replaces(context):
        return
    noted = await read_noted(context, COMPARED_AT_ONCE)
    if noted:
        await finding.find_duplicates(context, {row.id for row in noted})
    await remove_noted(context, noted)
    if len(noted) == COMPARED_AT_ONCE:
        await enqueue(context, "merges.compare", {}, priority=-5)


async def _one_by_one_max(context: Context) -> int:
    """The more customers a tenant has, the more a sweep of all costs."""
    share = await numbers_given(context) // _SWEPT_SHARE
    return min(SWEPT_INSTEAD, max(_SWEPT_FROM, share))


async def compare_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        waiting = list(await session.scalars(_WAITING))
        await enqueue_for_tenants(session, waiting, "merges.compare", priority=-5)
        # One whose job was lost, or that came with a restored tenant, has no step waiting.
        sweeping = list(await session.scalars(_SWEEPING))
        await enqueue_for_tenants(session, sweeping, JOB, priority=PRIORITY)
        lacking = list(await session.scalars(grounds.LACKING))
        await enqueue_for_tenants(session, lacking, grounds.JOB)


async def sweep(context: Context) -> None:
    """The next step of the tenant's sweep."""
    running = await find_running(context)
    if running is None:
        return
    with suppress(SweepEnded):
        if await take_step(context, running):
            await enqueue(context, JOB, {}, priority=PRIORITY)


async def find_duplicates(context: Context, customer_id: UUID) -> None:
    """What releases before 0007 put into the queue for each change of a customer."""
    await note(context, [customer_id])


JOBS = (
    Job(name="merges.compare", function=compare),
    Job(name=JOB, function=sweep, timeout_seconds=600),
    Job(name=grounds.JOB, function=grounds.fill_grounds),
    Job(name="merges.find_duplicates", function=find_duplicates),
)
PERIODIC_JOBS = (
    PeriodicJob(
        name="merges.compare_everywhere", cron="* * * * * */5", function=compare_everywhere
    ),
)
