"""Sealing on a schedule."""

from sqlalchemy import text

from crm_saas.audit.chain import BEGINNING, LOOK_BACK
from crm_saas.audit.sealing import seal_events
from crm_saas.kit.db import Database
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue_for_tenants

# Tenants with something to seal. One whose events are all sealed is sealed once more when its last
# sealing is older than the look-back: that moves its window past them, and from then on the look
# at an idle tenant costs one probe of an index.
_BEHIND = text(
    """
    select t.id
    from sys_tenants_mst t
    left join org_audit_heads h on h.tenant_org_id = t.id and h.id = t.id
    where exists (
        select
        from org_events e
        where e.tenant_org_id = t.id
            and e.created_at >= least(coalesce(h.sealed_through, :beginning), now())
                - cast(:look_back as interval)
            and (
                coalesce(h.sealed_through, :beginning) < now() - cast(:look_back as interval)
                or not exists (
                    select from org_audit_seals s where s.tenant_org_id = t.id and s.id = e.id
                )
            )
    )
    order by t.id
    """
)


async def seal_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        found = await session.scalars(_BEHIND, {"beginning": BEGINNING, "look_back": LOOK_BACK})
        await enqueue_for_tenants(session, list(found), "audit.seal")


JOBS = (Job(name="audit.seal", function=seal_events, timeout_seconds=120),)
PERIODIC_JOBS = (
    # Twice a minute, so that an event is sealed within one.
    PeriodicJob(name="audit.seal_everywhere", cron="* * * * * */30", function=seal_everywhere),
)
