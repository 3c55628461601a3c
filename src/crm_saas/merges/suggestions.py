"""Pairs of customers that may be one person: shown, and dismissed (SPEC 5.1)."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import aliased

from crm_saas.customers.models import Customer
from crm_saas.customers.queries import access_customer
from crm_saas.customers.similarity import Kind
from crm_saas.kit.context import Context
from crm_saas.kit.errors import NotFound
from crm_saas.kit.events import record
from crm_saas.kit.paging import Page, cut_page, read_cursor, write_cursor
from crm_saas.merges.errors import SuggestionMerged
from crm_saas.merges.models import DUPLICATES, Duplicate
from crm_saas.merges.profiles import LIVING

PARTNERS_MAX = 200
LOOKED_AT_MAX = 5000
TOTAL_CAP = 1000

A, B = aliased(Customer), aliased(Customer)


class Asked(NamedTuple):
    """`evidence` is the strongest of a suggestion."""

    min_score: float | None = None
    evidence: Kind | None = None


class Count(NamedTuple):
    total: int
    is_capped: bool


class Row(NamedTuple):
    suggestion: Duplicate
    a: Customer
    b: Customer


async def list_suggestions(
    context: Context, asked: Asked, *, limit: int, cursor: str | None
) -> Page[Row]:
    """The open ones, the likeliest first. Who sees few of many customers gets a shorter page, and
    goes on from there: no page looks at more than LOOKED_AT_MAX."""
    question = {"list": "duplicates", "minScore": asked.min_score, "evidence": asked.evidence}
    query = looked_at(context, asked)
    if cursor is not None:
        score, last = read_cursor(context, question, cursor, tuple[float, UUID])
        query = after(query, score, last)
    page = page_query(context, query, limit + 1)
    found = [Row(*row) for row in await context.session.execute(page)]
    if len(found) <= limit and (stopped := await _stopped_at(context, query)) is not None:
        return Page(found, write_cursor(context, question, stopped))
    return cut_page(
        context, question, found, limit, lambda row: [row.suggestion.score, row.suggestion.id]
    )


async def count_suggestions(context: Context, asked: Asked) -> Count:
    """As far as a page looks, and no further than one past the cap."""
    query = looked_at(context, asked)
    seen = page_query(context, query, TOTAL_CAP + 1).with_only_columns(literal(1)).order_by(None)
    counted = await context.session.scalar(select(func.count()).select_from(seen.subquery())) or 0
    if counted > TOTAL_CAP:
        return Count(TOTAL_CAP, is_capped=True)
    return Count(counted, is_capped=await _stopped_at(context, query) is not None)


def page_query(
    context: Context, query: Select[Duplicate], most: int
) -> Select[Duplicate, Customer, Customer]:
    """Of those, the ones whose customers are both there, and both seen."""
    looked = aliased(Duplicate, query.limit(LOOKED_AT_MAX).subquery())
    return (
        _of_two(looked)
        .where(
            A.tenant_org_id == context.tenant.id,
            A.status.in_(LIVING),
            B.tenant_org_id == context.tenant.id,
            B.status.in_(LIVING),
        )
        .order_by(looked.score.desc(), looked.id.desc())
        .limit(most)
    )


def looked_at(context: Context, asked: Asked) -> Select[Duplicate]:
    query = select(Duplicate).where(
        Duplicate.tenant_org_id == context.tenant.id, Duplicate.status == "open"
    )
    if asked.min_score is not None:
        query = query.where(Duplicate.score >= asked.min_score)
    if asked.evidence is not None:
        query = query.where(Duplicate.ground == asked.evidence)
    return query.order_by(Duplicate.score.desc(), Duplicate.id.desc())


def after(query: Select[Duplicate], score: float, last: UUID) -> Select[Duplicate]:
    place = tuple_(literal(score), literal(last))
    return query.where(tuple_(Duplicate.score, Duplicate.id) < place)


def last_looked_at(query: Select[Duplicate]) -> Select[float, UUID]:
    """None where fewer are left."""
    columns = query.with_only_columns(Duplicate.score, Duplicate.id)
    return columns.offset(LOOKED_AT_MAX - 1).limit(1)


async def _stopped_at(context: Context, query: Select[Duplicate]) -> list[Any] | None:
    row = (await context.session.execute(last_looked_at(query))).first()
    return row and list(row)


async def suggestions_of(context: Context, customer_id: UUID) -> list[Row]:
    """The open ones of one customer, or of its survivor. Raises CustomerNotFound."""
    customer = await access_customer(context, customer_id)
    query = _visible(context).where(
        or_(Duplicate.customer_a == customer.id, Duplicate.customer_b == customer.id)
    )
    query = query.order_by(Duplicate.score.desc(), Duplicate.id.desc()).limit(PARTNERS_MAX)
    return [Row(*row) for row in await context.session.execute(query)]


async def dismiss_suggestion(context: Context, suggestion_id: UUID) -> Row:
    """They are two people, and stay so. Raises NotFound, SuggestionMerged."""
    query = _ours(context).where(Duplicate.id == suggestion_id)
    row = (
        await context.session.execute(
            query.with_for_update(of=Duplicate).execution_options(populate_existing=True)
        )
    ).first()
    if row is None:
        raise NotFound("There is no suggestion with this id.")
    found = Row(*row)
    suggestion = found.suggestion
    if suggestion.status == "merged":
        raise SuggestionMerged("Undo the merge, and then dismiss the suggestion.")
    if suggestion.status == "dismissed":
        return found
    suggestion.status, suggestion.decided_at = "dismissed", datetime.now(UTC)
    suggestion.decided_by, suggestion.decided_by_name = context.actor.id, context.actor.name
    await context.session.flush()
    await record(
        context,
        "duplicate.dismissed",
        subject=(DUPLICATES, suggestion.id),
        customer_id=suggestion.customer_a,
        before={"status": "open"},
        after={"status": "dismissed", "otherId": suggestion.customer_b},
    )
    return found


async def dismiss_suggestions(context: Context, ids: Collection[UUID]) -> list[Row]:
    """All of them or none, in the order of their ids. Raises as dismiss_suggestion does."""
    return [await dismiss_suggestion(context, row_id) for row_id in sorted(set(ids))]


def _visible(context: Context) -> Select[Duplicate, Customer, Customer]:
    """Open, and of two customers that are there: not merged, not erased."""
    return _ours(context).where(
        Duplicate.status == "open", A.status.in_(LIVING), B.status.in_(LIVING)
    )


def _ours(context: Context) -> Select[Duplicate, Customer, Customer]:
    return _of_two(Duplicate).where(
        Duplicate.tenant_org_id == context.tenant.id,
        A.tenant_org_id == context.tenant.id,
        B.tenant_org_id == context.tenant.id,
    )


def _of_two(suggestion: type[Duplicate]) -> Select[Duplicate, Customer, Customer]:
    return (
        select(suggestion, A, B)
        .join(A, (A.tenant_org_id == suggestion.tenant_org_id) & (A.id == suggestion.customer_a))
        .join(B, (B.tenant_org_id == suggestion.tenant_org_id) & (B.id == suggestion.customer_b))
    )
