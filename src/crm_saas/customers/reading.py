"""The customer as it is asked for most: one statement that goes along with the credential, and a
row in place of the ORM's object. What these do not find in one step goes the ordinary way."""

from collections import namedtuple
from typing import Any, NamedTuple
from uuid import UUID

from crm_saas.customers.models import Customer
from crm_saas.customers.queries import access_merged, is_number
from crm_saas.customers.schemas import MergedFrom
from crm_saas.customers.views import JSON, SHOWN, ShownCustomer
from crm_saas.kit.ahead import ReadAhead
from crm_saas.kit.context import Context
from crm_saas.kit.wire import Statement

CustomerRow = namedtuple("CustomerRow", SHOWN)  # type: ignore[misc]
# JSON as the text that is sent on.
PICKED = ", ".join(f"c.{n}::text" if n in JSON else f"c.{n}" for n in SHOWN)
_CUSTOMER = ("select", PICKED, "from org_customers_mst c where c.tenant_org_id = %(tenant)s::uuid")
_BY_ID = Statement(" ".join((*_CUSTOMER, "and c.id = %(id)s::uuid")))
_BY_NUMBER = Statement(" ".join((*_CUSTOMER, "and c.number_norm = fold_text(%(number)s)")))


class Shown(NamedTuple):
    """`merged_from` is whom the caller asked for, if that was somebody else."""

    context: Context
    customer: ShownCustomer
    merged_from: MergedFrom | None = None


async def read_by_id(ahead: ReadAhead, customer_id: UUID) -> Shown:
    """Raises CustomerNotFound."""
    context, rows = await ahead.read(_BY_ID, id=customer_id)
    if (customer := _living(rows)) is not None:
        return Shown(context, customer)
    return Shown(context, *await access_merged(context, Customer.id == customer_id))


async def read_by_number(ahead: ReadAhead, number: str) -> Shown:
    """However it is typed. Raises CustomerNotFound."""
    context, rows = await ahead.read(_BY_NUMBER, number=number)
    if (customer := _living(rows)) is not None:
        return Shown(context, customer)
    return Shown(context, *await access_merged(context, is_number(number), named="number"))


def _living(rows: list[Any]) -> ShownCustomer | None:
    """None for one that was merged, whose survivor has to be found."""
    if len(rows) != 1:
        return None
    customer: ShownCustomer = CustomerRow._make(rows[0])
    return customer if customer.merged_into is None else None
