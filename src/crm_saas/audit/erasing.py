"""Erasing a person from the trail (SPEC 16): what happened stays, what was in it goes."""

from uuid import UUID

from sqlalchemy import func, null, select, update

from crm_saas.kit.context import Context
from crm_saas.kit.events import Event, record


async def erase_from_trail(context: Context, *, customer_id: UUID) -> int:
    """Takes `before`, `after` and `salt` from all events of a customer; says of how many.

    Within a transaction of the operator (`tenancy.registry.operator_context`): the application's
    role may not change events, so that no route can. The commitment without its salt tells nothing
    of the values, and keeps the chain verifiable. Itself a record, which names nobody: `verify`
    asks for it. Somebody who was merged is erased customer by customer.
    """
    of_customer = (
        Event.tenant_org_id == context.tenant.id,
        Event.customer_id == customer_id,
        Event.salt.is_not(None),
        Event.kind != "customer.trail_erased",
    )
    erased = await context.session.scalar(select(func.count()).where(*of_customer)) or 0
    await record(
        context,
        "customer.trail_erased",
        subject=("org_customers_mst", customer_id),
        customer_id=customer_id,
        after={"events": erased},
    )
    await context.session.execute(
        update(Event)
        .where(*of_customer)
        .values(before=null(), after=null(), salt=None)
        .execution_options(synchronize_session=False)
    )
    return erased
