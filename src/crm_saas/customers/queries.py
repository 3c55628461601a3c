"""Reads of customers. Each names the tenant, beside the policies that would hold anyway."""

from uuid import UUID

from sqlalchemy import Boolean, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from crm_saas.customers.errors import CustomerNotFound
from crm_saas.customers.folding import fold_text
from crm_saas.customers.models import Customer
from crm_saas.customers.schemas import MergedFrom
from crm_saas.kit.context import Context

MERGE_CHAIN_MAX = 32
# SQLAlchemy's own false() would swallow the conditions beside it, the tenant among them.
NOBODY: ColumnElement[bool] = literal_column("false", Boolean)


async def find_customer(
    context: Context, condition: ColumnElement[bool], *, lock: bool = False
) -> Customer | None:
    query = select(Customer).where(Customer.tenant_org_id == context.tenant.id, condition)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await context.session.scalars(query)).one_or_none()


async def access_customer(context: Context, customer_id: UUID, *, lock: bool = False) -> Customer:
    """The customer, or the one it was merged into: old ids keep working (SPEC 5.3).

    Raises CustomerNotFound alike for an unknown id, another tenant's and one out of scope.
    """
    return (await access_merged(context, Customer.id == customer_id, lock=lock))[0]


async def access_merged(
    context: Context, condition: ColumnElement[bool], *, named: str = "id", lock: bool = False
) -> tuple[Customer, MergedFrom | None]:
    """The survivor, and whom the caller asked for if that was somebody else."""
    customer = await find_customer(context, condition, lock=lock)
    asked = customer
    for _ in range(MERGE_CHAIN_MAX):
        if customer is None or customer.merged_into is None:
            break
        customer = await find_customer(context, Customer.id == customer.merged_into, lock=lock)
    if customer is None or asked is None:
        raise CustomerNotFound(
            f"No customer of yours has this {named}. Search by name, phone or number."
        )
    if asked is customer:
        return customer, None
    return customer, MergedFrom(id=asked.id, customer_number=asked.customer_number)


def in_scope(context: Context) -> list[ColumnElement[bool]]:
    """What the policy asks anyway, in a form that an index serves; nobody's customers are none."""
    actor = context.actor
    if actor.staff_scope == "own":
        return [NOBODY if actor.member_id is None else Customer.assigned_to == actor.member_id]
    return [Customer.team_id.in_(actor.team_ids)] if actor.staff_scope == "team" else []


def is_number(text: str) -> ColumnElement[bool]:
    """However it is typed: the tenant's prefix has the case that the tenant gave it."""
    return Customer.number_norm == fold_text(text)


async def former_customers(context: Context, survivor_id: UUID) -> list[UUID]:
    """The ids that answer with this customer."""
    rows = await context.session.scalars(
        select(Customer.id).where(
            Customer.tenant_org_id == context.tenant.id, Customer.merged_into == survivor_id
        )
    )
    return list(rows)
