"""Pairs of customers that may be one person: shown, and dismissed (SPEC 5.1)."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, literal, or_, select, tuple_
from sqlalchemy.orm import aliased

from crm_saas.customers.models import Customer
from crm_saas.customers.queries import access_customer
from crm_saas.customers.similarity import Kind
from crm_saas.kit.context import Context
from crm_saas.kit.errors import NotFound
from crm_saas.kit.events import record
from crm_saas.kit.paging import Page, cut_page, read_cursor
from crm_saas.merges.errors import SuggestionMerged
from crm_saas.merges.models import DUPLICATES, Duplicate
from crm_saas.merges.profiles import LIVING

PARTNERS_MAX = 200

A, B = aliased(Customer), aliased(Customer)


class Row(NamedTuple):
    suggestion: Duplicate
    a: Customer
    b: Customer


async def list_suggestions(
    context: Context,
    *,
    min_score: float | None = None,
    evidence: Kind | None = None,
    limit: int,
    cursor: str | None,
) -> Page[Row]:
    """The open ones, the likeliest first; `evidence` is the strongest of each."""
    question = {"list": "duplicates", "minScore": min_score, "evidence": evidence}
    query = _visible(context)
    if min_score is not None:
        query = query.where(Duplicate.score >= min_score)
    if evidence is not None:
        query = query.where(Duplicate.ground == evidence)
    if cursor is not None:
        score, last = read_cursor(context, question, cursor, tuple[float, UUID])
        place = tuple_(literal(score), literal(last))
        query = query.where(tuple_(Duplicate.score, Duplicate.id) < place)
    query = query.order_by(Duplicate.score.desc(), Duplicate.id.desc()).limit(limit + 1)
    found = (Row(*row) for row in await context.session.execute(query))
    return cut_page(
        context, question, found, limit, lambda row: [row.suggestion.score, row.suggestion.id]
    )


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
    query = _of_two(context).where(Duplicate.id == suggestion_id)
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
    return _of_two(context).where(
        Duplicate.status == "open", A.status.in_(LIVING), B.status.in_(LIVING)
    )


def _of_two(context: Context) -> Select[Duplicate, Customer, Customer]:
    return (
        select(Duplicate, A, B)
        .join(A, (A.tenant_org_id == Duplicate.tenant_org_id) & (A.id == Duplicate.customer_a))
        .join(B, (B.tenant_org_id == Duplicate.tenant_org_id) & (B.id == Duplicate.customer_b))
        .where(
            Duplicate.tenant_org_id == context.tenant.id,
            A.tenant_org_id == context.tenant.id,
            B.tenant_org_id == context.tenant.id,
        )
    )
