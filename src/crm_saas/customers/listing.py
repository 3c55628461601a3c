"""Lists of customers: filters, sorting, keyset pages, and the one search box (SPEC 6)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import structs
from sqlalchemy import (
    Select,
    func,
    literal,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from crm_saas.custom.models import CustomValue
from crm_saas.customers.errors import ListTooSlow
from crm_saas.customers.fast import fast_instead, is_fast, leading_filters
from crm_saas.customers.filter_values import value_conditions
from crm_saas.customers.filters import (
    API_NAMES,
    CustomerFilter,
    CustomerQuery,
    arms_of,
    conditions,
)
from crm_saas.customers.models import Customer
from crm_saas.customers.pages import Pages, shape_of
from crm_saas.customers.queries import in_scope
from crm_saas.customers.searching import find_hits, rows_of_hits
from crm_saas.customers.views import COLUMNS
from crm_saas.kit.ahead import NeedsTransaction, ReadAhead
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.paging import cut_page, read_cursor

TOTAL_CAP = 1000
SEARCH_RESULTS_MAX = 100
SORT_DEFAULT = "-createdAt"
# For what no index serves; a page that takes longer is of no use to anybody at a screen.
SLOW_MS_MAX = 2000
_CANCELLED = "57014"

_SORT_COLUMNS: dict[str, tuple[InstrumentedAttribute[Any], type]] = {
    "createdAt": (Customer.created_at, datetime),
    "updatedAt": (Customer.updated_at, datetime),
    "name": (Customer.name_norm, str),
    "customerNumber": (Customer.customer_seq, int),
}

# Made once: what a request adds to it is few words.
_ROWS = select(*COLUMNS)
_PLACES = {column.name: place for place, column in enumerate(COLUMNS)}
_pages = Pages()


class Count(NamedTuple):
    """`total` is None where counting would have taken too long."""

    total: int | None
    is_capped: bool


class Found(NamedTuple):
    customers: Sequence[Sequence[Any]]
    """Rows of COLUMNS."""
    next_cursor: str | None
    matched_by: dict[UUID, str]
    is_fast: bool
    counted: Count | None = None


async def list_customers(
    context: Context,
    wanted: CustomerQuery,
    *,
    sort: str | None,
    limit: int,
    cursor: str | None,
    total: bool = False,
) -> Found:
    """A page by filter and sort order, or, with `search`, by rank. Raises ListTooSlow."""
    if wanted.search and wanted.search.strip():
        if sort is not None:
            raise InvalidInput.of("sort", "cannot go with search, which has the best first")
        return await _search(context, wanted, limit=limit, cursor=cursor, total=total)
    page = await _walk(context, wanted, sort=sort or SORT_DEFAULT, limit=limit, cursor=cursor)
    if not total:
        return page
    return page._replace(counted=await count_customers(context, wanted, sort=sort))


async def _walk(
    context: Context, wanted: CustomerQuery, *, sort: str, limit: int, cursor: str | None
) -> Found:
    asked = wanted.asked()
    kind = _SORT_COLUMNS[sort.lstrip("-")][1]
    place = (
        read_cursor(context, asked | {"sort": sort}, cursor, tuple[kind, UUID])  # type: ignore[valid-type]
        if cursor is not None
        else None
    )
    query = page_query(context, wanted, sort=sort, most=limit + 1, place=place)
    fast = is_fast(context.actor, asked, sort)
    if not fast:
        await _limit_time(context)
    elif context.actor.staff_scope == "all" and place is None:
        _pages.learn(shape_of(wanted, sort, limit), context, query)
    try:
        found = (await (await context.session.connection()).execute(query)).all()
    except DBAPIError as error:
        raise _too_slow(error, context.actor, asked) from error
    return _cut(context, asked, found, sort=sort, limit=limit, fast=fast)


async def list_ahead(
    ahead: ReadAhead, wanted: CustomerQuery, *, sort: str | None, limit: int
) -> tuple[Context, Found]:
    """A first page that was asked for before, in one round trip. Raises NeedsTransaction."""
    sort = sort or SORT_DEFAULT
    page = _pages.known(shape_of(wanted, sort, limit))
    if page is None:
        raise NeedsTransaction
    context, rows = await ahead.read(page.statement, **page.values)
    if context.actor.staff_scope != "all":
        return context, await list_customers(context, wanted, sort=sort, limit=limit, cursor=None)
    return context, _cut(context, wanted.asked(), rows, sort=sort, limit=limit, fast=True)


def _cut(
    context: Context,
    asked: Mapping[str, Any],
    found: Sequence[Sequence[Any]],
    *,
    sort: str,
    limit: int,
    fast: bool,
) -> Found:
    key, own = _PLACES[_SORT_COLUMNS[sort.lstrip("-")][0].key], _PLACES["id"]
    question = {**asked, "sort": sort}
    page = cut_page(context, question, found, limit, lambda row: [row[key], row[own]])
    return Found(page.rows, page.next_cursor, {}, fast)


def page_query(
    context: Context,
    wanted: CustomerFilter,
    *,
    sort: str,
    most: int,
    place: Sequence[Any] | None = None,
) -> Select[Any]:
    """The rows of a page in order, after `place`: each arm walks an index of its own.

    The limit is written out: a plan for any limit would reckon with a tenth of the customers.
    """
    key, is_descending = sort.lstrip("-"), sort.startswith("-")
    arms = [
        _ordered(arm, order, place, is_descending, most)
        for arm, order in _arms(context, wanted, key)
    ]
    if len(arms) == 1:
        return arms[0]
    together = union_all(*arms).subquery()
    order = (together.c[_SORT_COLUMNS[key][0].key], together.c.id)
    return (
        select(*together.c)
        .order_by(*(part.desc() if is_descending else part for part in order))
        .limit(literal_column(str(most)))
    )


def _ordered(
    query: Select[Any],
    order: tuple[Any, Any],
    place: Sequence[Any] | None,
    is_descending: bool,
    most: int,
) -> Select[Any]:
    if place is not None:
        row, after = tuple_(*order), tuple_(literal(place[0]), literal(place[1]))
        query = query.where(row < after if is_descending else row > after)
    return query.order_by(*(part.desc() if is_descending else part for part in order)).limit(
        literal_column(str(most))
    )


def _arms(
    context: Context, wanted: CustomerFilter, key: str
) -> list[tuple[Select[Any], tuple[Any, Any]]]:
    """One query a value where one filter has several: each is in order by itself."""
    leading = leading_filters(context.actor, wanted.asked(), key)
    if leading.keys() == {"custom"} and is_fast(context.actor, leading, key):
        return [_along_values(context, wanted)]
    query = _ROWS.where(*conditions(context, wanted))
    order = (_SORT_COLUMNS[key][0], Customer.id)
    if len(leading) != 1:
        return [(query.where(*in_scope(context)), order)]
    [(name, value)] = leading.items()
    return [(query.where(arm), order) for arm in arms_of(name, value)] or [(query, order)]


def _along_values(context: Context, wanted: CustomerFilter) -> tuple[Select[Any], tuple[Any, Any]]:
    """By the one custom field that is asked for, in the order of creation."""
    [(name, value)] = (wanted.custom or {}).items()
    query = _ROWS.join(
        CustomValue,
        (CustomValue.tenant_org_id == Customer.tenant_org_id)
        & (CustomValue.customer_id == Customer.id),
    ).where(
        *conditions(context, structs.replace(wanted, custom=None)),
        *value_conditions(context, name, value),
    )
    return query, (CustomValue.customer_created_at, CustomValue.customer_id)


async def _limit_time(context: Context) -> None:
    await context.session.execute(text(f"set local statement_timeout = {SLOW_MS_MAX}"))


def _too_slow(error: DBAPIError, actor: Actor, asked: Mapping[str, Any]) -> Exception:
    if getattr(error.orig, "sqlstate", None) != _CANCELLED:
        return error
    fast = fast_instead(actor, asked, API_NAMES)
    return ListTooSlow([API_NAMES.get(name, name) for name in asked], fast)


async def _search(
    context: Context, wanted: CustomerQuery, *, limit: int, cursor: str | None, total: bool
) -> Found:
    """The best hits of the search function, filtered, in its order; at most a hundred."""
    question = wanted.asked() | {"sort": "rank"}
    skipped = read_cursor(context, question, cursor, tuple[int])[0] if cursor else 0
    # Without filters each hit is shown, and a page needs no more of them than it shows.
    is_whole = total or wanted.asked().keys() != {"search"}
    needed = SEARCH_RESULTS_MAX if is_whole else skipped + limit + 1
    matched_by = await find_hits(context, wanted, min(needed, SEARCH_RESULTS_MAX))
    hits = list(matched_by) if is_whole else list(matched_by)[skipped:]
    found = {row[_PLACES["id"]]: row for row in await rows_of_hits(context, wanted, hits)}
    ranked = [found[customer_id] for customer_id in hits if customer_id in found]
    rest = ranked[skipped:] if is_whole else ranked
    page = cut_page(context, question, rest, limit, lambda _: [skipped + limit])
    counted = Count(len(ranked), len(hits) >= SEARCH_RESULTS_MAX) if total else None
    return Found(page.rows, page.next_cursor, matched_by, is_fast=True, counted=counted)


async def count_customers(context: Context, wanted: CustomerFilter, *, sort: str | None) -> Count:
    """Counts no further than one past the cap, along the index of the page; what has none, no
    longer than a page may take."""
    sort = sort or SORT_DEFAULT
    query = page_query(context, wanted, sort=sort, most=TOTAL_CAP + 1)
    if is_fast(context.actor, wanted.asked(), sort):
        counted = await _count(context, query)
        return Count(min(counted, TOTAL_CAP), counted > TOTAL_CAP)
    try:
        async with context.session.begin_nested():
            await _limit_time(context)
            counted = await _count(context, query)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _CANCELLED:
            raise
        return Count(None, is_capped=False)
    return Count(min(counted, TOTAL_CAP), counted > TOTAL_CAP)


async def _count(context: Context, query: Select[Any]) -> int:
    found = select(func.count()).select_from(query.subquery())
    return await context.session.scalar(found) or 0
