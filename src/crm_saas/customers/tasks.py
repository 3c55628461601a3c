"""Work on customers that waits for the clock."""

from datetime import UTC, datetime

from sqlalchemy import select

from crm_saas.customers import statistics
from crm_saas.customers.insertion import TABLE
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue, enqueue_for_tenants
from crm_saas.tenancy.registry import active_tenant_ids

GUESTS_AT_ONCE = 500


async def expire_guests(context: Context) -> None:
    """Guests whose time is over become inactive; each keeps its number (SPEC 2.1, 2.4)."""
    guests = await context.session.scalars(
        select(Customer)
        .where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.profile_status == "guest",
            Customer.status == "active",
            Customer.expires_at <= datetime.now(UTC),
        )
        .order_by(Customer.id)
        .limit(GUESTS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    expired = list(guests)
    if not expired:
        return
    for guest in expired:
        guest.status = "inactive"
    await context.session.flush()
    await record(
        context,
        "customers.guests_expired",
        subject=(TABLE, None),
        after={"status": "inactive", "count": len(expired)},
        rows={TABLE: [guest.id for guest in expired]},
    )
    if len(expired) == GUESTS_AT_ONCE:
        await enqueue(context, "customers.expire_guests", {})


async def expire_guests_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        await enqueue_for_tenants(
            session, await active_tenant_ids(session), "customers.expire_guests"
        )


JOBS = (Job(name="customers.expire_guests", function=expire_guests), *statistics.JOBS)
PERIODIC_JOBS = (
    PeriodicJob(
        name="customers.expire_guests_everywhere",
        cron="17 * * * *",
        function=expire_guests_everywhere,
    ),
)
