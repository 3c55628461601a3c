"""Looks for duplicates behind the request that may have made one (SPEC 5.1)."""

from uuid import UUID

from crm_saas.customers.models import Customer
from crm_saas.customers.queries import find_customer
from crm_saas.kit.context import Context
from crm_saas.kit.events import Event
from crm_saas.kit.jobs import Job, enqueue
from crm_saas.merges import finding

_COMPARED = frozenset(
    {"name", "name2", "first_name", "phone", "email", "date_of_birth", "company_name"}
)


async def suggest_later(context: Context, event: Event) -> None:
    """Handles events of customers; those that changed nothing comparable cost no job."""
    before, after = event.before or {}, event.after or {}
    if any(before.get(name) or after.get(name) for name in _COMPARED):
        await look_later(context, event)


async def look_later(context: Context, event: Event) -> None:
    await enqueue(
        context, "merges.find_duplicates", {"customer_id": event.customer_id}, priority=-5
    )


async def find_duplicates(context: Context, customer_id: UUID) -> None:
    customer = await find_customer(context, Customer.id == customer_id)
    if customer is not None and customer.status not in {"merged", "erased"}:
        await finding.find_duplicates(context, customer)


JOBS = (Job(name="merges.find_duplicates", function=find_duplicates),)
