"""The grounds of suggestions that releases before 0007 wrote, which lists are filtered by."""

from sqlalchemy import func, select, text, update

from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.kit.jobs import enqueue
from crm_saas.merges.models import DUPLICATES, Duplicate

JOB = "merges.fill_grounds"
FILLED_AT_ONCE = 2000
# One look at the index a tenant.
LACKING = text(
    """
    select t.id
    from sys_tenants_mst t
    where t.status = 'active'
        and exists (
            select from org_customer_duplicates d
            where d.tenant_org_id = t.id and d.status = 'open' and d.ground is null
        )
    order by t.id
    """
)


async def fill_grounds(context: Context) -> None:
    """Some of them, and a job for the next."""
    lacking = (
        select(Duplicate.id)
        .where(
            Duplicate.tenant_org_id == context.tenant.id,
            Duplicate.status == "open",
            Duplicate.ground.is_(None),
        )
        .limit(FILLED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    filled = await context.session.scalars(
        update(Duplicate)
        .where(Duplicate.tenant_org_id == context.tenant.id, Duplicate.id.in_(lacking))
        .values(ground=func.coalesce(Duplicate.evidence[0]["kind"].astext, ""))
        .returning(Duplicate.id)
        .execution_options(synchronize_session=False)
    )
    ids = list(filled)
    if ids:
        await record(
            context,
            "duplicates.grounds_filled",
            subject=(DUPLICATES, None),
            after={"count": len(ids)},
            rows={DUPLICATES: ids},
        )
    if len(ids) == FILLED_AT_ONCE:
        await enqueue(context, JOB, {}, priority=-10)
