"""Lists of customers: filters, sorting, keyset pages, and the one search box (SPEC 6)."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, literal, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from crm_saas.customers.filters import CustomerQuery, conditions
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.paging import cut_page, read_cursor

TOTAL_CAP = 1000
SEARCH_RESULTS_MAX = 100
SORT_DEFAULT = "-createdAt"

_SORT_COLUMNS: dict[str, tuple[InstrumentedAttribute[Any], type]] = {
    "createdAt": (Customer.created_at, datetime),
    "updatedAt": (Customer.updated_at, datetime),
    "name": (Customer.name_norm, str),
    "customerNumber": (Customer.customer_seq, int),
}


class Count(NamedTuple):
    total: int
    is_capped: bool


class Found(NamedTuple):
    customers: list[Customer]
    next_cursor: str | None
    matched_by: dict[UUID, str]


async def list_customers(
    context: Context, wanted: CustomerQuery, *, sort: str | None, limit: int, cursor: str | None
) -> Found:
    """A page by filter and sort order, or, with `search`, by rank."""
    if _searches(wanted):
        if sort is not None:
            raise InvalidInput.of("sort", "cannot go with search, which has the best first")
        return await _search(context, wanted, limit=limit, cursor=cursor)
    sort = sort or SORT_DEFAULT
    question = wanted.asked() | {"sort": sort}
    column, kind = _SORT_COLUMNS[sort.lstrip("-")]
    query = select(Customer).where(*conditions(context, wanted))
    descending = sort.startswith("-")
    if cursor is not None:
        place = read_cursor(context, question, cursor, tuple[kind, UUID])  # type: ignore[valid-type]
        row, after = tuple_(column, Customer.id), tuple_(literal(place[0]), literal(place[1]))
        query = query.where(row < after if descending else row > after)
    order = (column.desc(), Customer.id.desc()) if descending else (column, Customer.id)
    found = await context.session.scalars(query.order_by(*order).limit(limit + 1))
    page = cut_page(context, question, found, limit, lambda c: [getattr(c, column.key), c.id])
    return Found(page.rows, page.next_cursor, {})


async def _search(
    context: Context, wanted: CustomerQuery, *, limit: int, cursor: str | None
) -> Found:
    """The best hits of the search function, filtered, in its order; at most a hundred."""
    question = wanted.asked() | {"sort": "rank"}
    skipped = read_cursor(context, question, cursor, tuple[int])[0] if cursor else 0
    # Without filters each hit is shown, and a page needs no more of them than it shows.
    is_filtered = wanted.asked().keys() != {"search"}
    needed = SEARCH_RESULTS_MAX if is_filtered else skipped + limit + 1
    matched_by = await _hits(context, wanted, min(needed, SEARCH_RESULTS_MAX))
    hits = list(matched_by) if is_filtered else list(matched_by)[skipped:]
    found = {
        customer.id: customer
        for customer in await context.session.scalars(
            select(Customer).where(*conditions(context, wanted), Customer.id.in_(hits))
        )
    }
    ranked = [found[customer_id] for customer_id in hits if customer_id in found]
    rest = ranked[skipped:] if is_filtered else ranked
    page = cut_page(context, question, rest, limit, lambda _: [skipped + limit])
    return Found(page.rows, page.next_cursor, matched_by)


async def count_customers(context: Context, wanted: CustomerQuery) -> Count:
    """Counts no further than one past the cap, so that asking costs little at any size."""
    query = select(Customer.id).where(*conditions(context, wanted)).limit(TOTAL_CAP + 1)
    hits = await _hits(context, wanted, SEARCH_RESULTS_MAX) if _searches(wanted) else None
    if hits is not None:
        query = query.where(Customer.id.in_(list(hits)))
    counted = await context.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    is_capped = counted > TOTAL_CAP or (hits is not None and len(hits) >= SEARCH_RESULTS_MAX)
    return Count(min(counted, TOTAL_CAP), is_capped)


def _searches(wanted: CustomerQuery) -> bool:
    return wanted.search is not None and bool(wanted.search.strip())


async def _hits(context: Context, wanted: CustomerQuery, most: int) -> dict[UUID, str]:
    """What the search function finds, best first, and by what.

    Who sees contacts masked finds by a whole phone or e-mail alone: by pieces of one the rest could
    be guessed, digit for digit.
    """
    rows = await context.session.execute(
        text(
            "select customer_id, matched"
            " from search_customers(:tenant, :query, :most, :whole_contacts) with ordinality"
            " order by ordinality"
        ),
        {
            "tenant": context.tenant.id,
            "query": wanted.search,
            "most": most,
            "whole_contacts": not context.actor.may("customers:unmask"),
        },
    )
    return {row.customer_id: row.matched for row in rows}
