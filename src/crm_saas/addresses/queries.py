"""Reads. Each is joined with the customer, whose policy knows the caller's staff scope."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, Uuid, any_, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from crm_saas.addresses.models import Address
from crm_saas.addresses.schemas import DeciderCount, VerificationStatistics
from crm_saas.customers.models import Customer
from crm_saas.customers.queries import access_customer
from crm_saas.customers.similarity import place_of
from crm_saas.kit.context import Context
from crm_saas.kit.errors import NotFound
from crm_saas.kit.paging import Page, cut_page, read_cursor

DECIDERS_MAX = 100


class WaitingAddress(NamedTuple):
    address: Address
    customer_number: str
    customer_display_name: str


def visible(context: Context, *columns: Any) -> Select[Any]:
    """`columns` of the addresses, and of their customers, that the caller may see."""
    return (
        select(*columns)
        .select_from(Address)
        .join(
            Customer,
            (Customer.tenant_org_id == Address.tenant_org_id)
            & (Customer.id == Address.customer_id),
        )
        .where(
            Address.tenant_org_id == context.tenant.id,
            Customer.tenant_org_id == context.tenant.id,
        )
    )


async def access_address(
    context: Context, *, customer_id: UUID, address_id: UUID, lock: bool = False
) -> Address:
    """Follows the customer's merges. `lock` holds the customer, and so all of its addresses.

    Raises NotFound, and the same one, for what is another tenant's, out of scope or unknown.
    """
    customer = await access_customer(context, customer_id, lock=lock)
    address: Address | None = await context.session.scalar(
        visible(context, Address)
        .where(Address.customer_id == customer.id, Address.id == address_id)
        # A session that has read the row before the lock must not keep what it read.
        .execution_options(populate_existing=lock)
    )
    if address is None:
        raise NotFound("There is no address with this id at this customer.")
    return address


async def list_addresses(
    context: Context, *, customer_id: UUID, limit: int, cursor: str | None
) -> Page[Address]:
    """In the order of their creation. Follows the customer's merges; raises NotFound."""
    customer = await access_customer(context, customer_id)
    question = {"list": "addresses", "customer": customer.id}
    query = visible(context, Address).where(Address.customer_id == customer.id)
    if cursor is not None:
        (last,) = read_cursor(context, question, cursor, tuple[UUID])
        query = query.where(Address.id > last)
    found = await context.session.scalars(query.order_by(Address.id).limit(limit + 1))
    return cut_page(context, question, found, limit, lambda address: [address.id])


async def list_waiting(context: Context, *, limit: int, cursor: str | None) -> Page[WaitingAddress]:
    """What waits for verification, the longest first."""
    question = {"list": "addresses-waiting"}
    query = visible(context, Address, Customer.customer_number, Customer.display_name).where(
        Address.pending_since.is_not(None)
    )
    if cursor is not None:
        since, last = read_cursor(context, question, cursor, tuple[datetime, UUID])
        row = tuple_(Address.pending_since, Address.id)
        query = query.where(row > tuple_(literal(since), literal(last)))
    rows = await context.session.execute(
        query.order_by(Address.pending_since, Address.id).limit(limit + 1)
    )
    found = (WaitingAddress(*row) for row in rows)
    return cut_page(
        context, question, found, limit, lambda row: [row.address.pending_since, row.address.id]
    )


async def addresses_of(context: Context, customer_id: UUID) -> list[Address]:
    """All of a customer's addresses, the oldest first; for a customer that is locked."""
    rows = await context.session.scalars(
        visible(context, Address).where(Address.customer_id == customer_id).order_by(Address.id)
    )
    return list(rows)


async def addresses_at(
    context: Context, *, customer_ids: Collection[UUID], address_ids: Collection[UUID]
) -> dict[tuple[UUID | None, UUID], Address]:
    """Those addresses that are at one of those customers, by both ids."""
    rows = await context.session.scalars(
        visible(context, Address)
        .where(
            Address.customer_id == any_(literal(list(customer_ids), ARRAY(Uuid))),
            Address.id.in_(address_ids),
        )
        .execution_options(populate_existing=True)
    )
    return {(address.customer_id, address.id): address for address in rows}


async def read_statistics(context: Context) -> VerificationStatistics:
    counted = await context.session.execute(
        visible(
            context, Address.verification_status, func.count(), func.min(Address.pending_since)
        ).group_by(Address.verification_status)
    )
    rows = {status: (count, oldest) for status, count, oldest in counted}
    pending, oldest_pending_since = rows.get("pending", (0, None))
    verified, _ = rows.get("verified", (0, None))
    rejected, _ = rows.get("rejected", (0, None))
    return VerificationStatistics(
        total=pending + verified + rejected,
        pending=pending,
        verified=verified,
        rejected=rejected,
        oldest_pending_since=oldest_pending_since,
        deciders=await _deciders(context),
    )


async def _deciders(context: Context) -> list[DeciderCount]:
    def decided(status: str) -> Any:
        return func.count().filter(Address.verification_status == status)

    rows = await context.session.execute(
        visible(
            context,
            Address.verified_by,
            func.max(Address.verified_by_name),
            decided("verified"),
            decided("rejected"),
        )
        .where(Address.verified_at.is_not(None))
        .group_by(Address.verified_by)
        .order_by(func.count().desc(), Address.verified_by)
        .limit(DECIDERS_MAX)
    )
    return [DeciderCount(decided_by=r[0], name=r[1], verified=r[2], rejected=r[3]) for r in rows]


async def places_of(context: Context, customer_ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """The houses of these customers, written so that they can be compared."""
    rows = await context.session.execute(
        select(
            Address.customer_id,
            Address.building,
            Address.street,
            Address.area,
            Address.city,
        ).where(Address.tenant_org_id == context.tenant.id, Address.customer_id.in_(customer_ids))
    )
    places: dict[UUID, set[str]] = {}
    for customer_id, *parts in rows:
        if place := place_of(parts):
            places.setdefault(customer_id, set()).add(place)
    return {customer_id: frozenset(found) for customer_id, found in places.items()}
