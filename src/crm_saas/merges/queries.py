"""Reads of merges. Each is joined with both customers, whose policy knows the caller's scope."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased

from crm_saas.customers.errors import CustomerNotFound
from crm_saas.customers.identifiers import Claim
from crm_saas.customers.models import Customer, Identifier
from crm_saas.customers.queries import access_customer, find_customer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import NotFound
from crm_saas.kit.paging import Page, cut_page, read_cursor
from crm_saas.merges.models import Merge

Source, Target = aliased(Customer), aliased(Customer)


class Pair(NamedTuple):
    source: Customer
    target: Customer


class MergeRow(NamedTuple):
    merge: Merge
    source: Customer
    target: Customer


async def access_pair(context: Context, source_id: UUID, target_id: UUID) -> Pair:
    """Both as they are, without following earlier merges. Raises CustomerNotFound."""
    found = [
        await find_customer(context, Customer.id == customer_id)
        for customer_id in (source_id, target_id)
    ]
    return _both(found, source_id, target_id)


async def lock_pair(context: Context, *customer_ids: UUID) -> Pair:
    """Locks both in the order of their ids, and reads them anew."""
    found = [
        await find_customer(context, Customer.id == customer_id, lock=True)
        for customer_id in sorted(customer_ids)
    ]
    return _both(found, *customer_ids)


async def lock_customer(context: Context, customer_id: UUID) -> Customer:
    """Without following merges. Raises CustomerNotFound."""
    customer = await find_customer(context, Customer.id == customer_id, lock=True)
    if customer is None:
        raise CustomerNotFound("One of the two customers is outside your scope.")
    return customer


def _both(found: Sequence[Customer | None], source_id: UUID, target_id: UUID) -> Pair:
    customers = {customer.id: customer for customer in found if customer is not None}
    if source_id not in customers or target_id not in customers:
        raise CustomerNotFound("No customer of yours has this id. Search by name, phone or number.")
    return Pair(customers[source_id], customers[target_id])


async def lock_former(context: Context, customer_ids: Collection[UUID]) -> None:
    """Locks customers merged earlier; before their survivors, as `access_customer` does."""
    if customer_ids:
        await context.session.execute(
            select(Customer.id)
            .where(Customer.tenant_org_id == context.tenant.id, Customer.id.in_(customer_ids))
            .order_by(Customer.id)
            .with_for_update()
        )


async def claims_held(context: Context, *customer_ids: UUID) -> list[Claim]:
    rows = await context.session.execute(
        select(Identifier.kind, Identifier.value).where(
            Identifier.tenant_org_id == context.tenant.id,
            Identifier.customer_id.in_(customer_ids),
        )
    )
    return [Claim(row.kind, row.value) for row in rows]


async def access_merge(context: Context, merge_id: UUID) -> MergeRow:
    """Raises NotFound, the same one for another tenant's, out of scope and unknown."""
    row = (await context.session.execute(_visible(context).where(Merge.id == merge_id))).first()
    if row is None:
        raise NotFound("There is no merge with this id.")
    return MergeRow(*row)


async def list_merges(context: Context, *, limit: int, cursor: str | None) -> Page[MergeRow]:
    """The newest first."""
    question = {"list": "merges"}
    query = _visible(context)
    if cursor is not None:
        (last,) = read_cursor(context, question, cursor, tuple[UUID])
        query = query.where(Merge.id < last)
    query = query.order_by(Merge.id.desc()).limit(limit + 1)
    found = (MergeRow(*row) for row in await context.session.execute(query))
    return cut_page(context, question, found, limit, lambda row: [row.merge.id])


async def later_merge(context: Context, merge: Merge) -> Merge | None:
    """The last merge of the survivor after this one: into it, or of it into another."""
    found: Merge | None = await context.session.scalar(
        select(Merge)
        .where(
            Merge.tenant_org_id == context.tenant.id,
            Merge.undone_at.is_(None),
            or_(
                Merge.source_id == merge.target_id,
                (Merge.target_id == merge.target_id)
                & (Merge.target_version > merge.target_version),
            ),
        )
        .order_by((Merge.source_id == merge.target_id).desc(), Merge.target_version.desc())
        .limit(1)
    )
    return found


async def visible_customers(context: Context, ids: Collection[UUID]) -> set[UUID]:
    if not ids:
        return set()
    rows = await context.session.scalars(
        select(Customer.id).where(Customer.tenant_org_id == context.tenant.id, Customer.id.in_(ids))
    )
    return set(rows)


def _visible(context: Context) -> Select[Merge, Customer, Customer]:
    return (
        select(Merge, Source, Target)
        .join(
            Source,
            (Source.tenant_org_id == Merge.tenant_org_id) & (Source.id == Merge.source_id),
        )
        .join(
            Target,
            (Target.tenant_org_id == Merge.tenant_org_id) & (Target.id == Merge.target_id),
        )
        .where(
            Merge.tenant_org_id == context.tenant.id,
            Source.tenant_org_id == context.tenant.id,
            Target.tenant_org_id == context.tenant.id,
        )
    )


async def survivor_of(context: Context, customer: Customer) -> Customer | None:
    """None where it is outside the actor's scope."""
    try:
        return await access_customer(context, customer.id)
    except CustomerNotFound:
        return None
