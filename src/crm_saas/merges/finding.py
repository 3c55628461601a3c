"""Looks for customers that may be the same person as one (SPEC 5.1)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, delete, or_, select, text, tuple_, union_all
from sqlalchemy.dialects.postgresql import insert

from crm_saas.customers.folding import fold_text
from crm_saas.customers.models import Customer
from crm_saas.customers.queries import former_customers
from crm_saas.customers.similarity import Profile, Suggestion, score_pair
from crm_saas.customers.skeletons import name_skeleton
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.merges.manifest import CUSTOMERS
from crm_saas.merges.models import DUPLICATES, Duplicate
from crm_saas.merges.suggestions import LIVING, PARTNERS_MAX

# Any one good ground is enough: the same full name, phones that end alike, one e-mail name.
SCORE_MIN = 0.4
KEPT_MAX = 10
_CANDIDATES_MAX = 20
_SPELLED_ALIKE_MAX = 100
_WORD_SIMILARITIES = (0.6, 0.3)
_SEARCH_CANDIDATES = text(
    "select * from search_candidates("
    ":tenant, cast(:words as text[]), cast(:similarity as real), cast(:most as integer))"
)
_PHONE_TAIL_DIGITS = 7
_LAST = chr(1114111)


async def find_duplicates(context: Context, customer: Customer) -> list[UUID]:
    """Compares the customer with those that resemble it; returns the changed suggestions.

    Run again, it changes nothing. What was dismissed or merged stays as it is.
    """
    open_pairs = await _open_pairs(context, customer.id)
    settled = await _settled_with(context, customer.id)
    found = await _candidates(context, customer)
    found |= await _customers(context, open_pairs.keys() - found.keys())
    scored = {
        other.id: score_pair(_profile(customer), _profile(other))
        for other in found.values()
        if other.id not in settled and other.merged_into is None
    }
    likely = sorted(
        (c for c, suggestion in scored.items() if suggestion.score >= SCORE_MIN),
        key=lambda c: -scored[c].score,
    )[:KEPT_MAX]
    stale = [
        row_id
        for c, row_id in open_pairs.items()
        if c in settled or (c in scored and scored[c].score < SCORE_MIN)
    ]
    changed = await _drop(context, stale)
    changed += await _keep(context, customer.id, {c: scored[c] for c in likely})
    if changed:
        await record(
            context,
            "customer.duplicates_found",
            subject=(CUSTOMERS.name, customer.id),
            customer_id=customer.id,
            after={"suggestions": len(likely)},
            rows={DUPLICATES: changed},
        )
    return changed


def _profile(customer: Customer) -> Profile:
    return Profile(
        name=customer.name,
        name2=customer.name2,
        phone=customer.phone,
        email=customer.email,
        birth_date=customer.date_of_birth,
        company=customer.company_name,
    )


async def _candidates(context: Context, customer: Customer) -> dict[UUID, Customer]:
    conditions = []
    if customer.phone:
        tail = customer.phone[-_PHONE_TAIL_DIGITS:][::-1]
        conditions.append(_begins(Customer.phone_rev, tail))
    if customer.email:
        local = fold_text(customer.email.rpartition("@")[0].partition("+")[0])
        conditions += [_begins(Customer.email_norm, f"{local}{end}") for end in "@+"]
    found: dict[UUID, Customer] = {}
    for condition in conditions:
        rows = await context.session.scalars(
            select(Customer)
            .where(
                Customer.tenant_org_id == context.tenant.id,
                Customer.status.in_(LIVING),
                Customer.id != customer.id,
                condition,
            )
            .limit(_CANDIDATES_MAX)
        )
        found |= {row.id: row for row in rows}
    named = await _similar_names(context, customer) | await _similar_sounds(context, customer)
    return found | await _customers(context, named - found.keys() - {customer.id})


def _begins(column: Any, prefix: str) -> ColumnElement[bool]:
    """A range, since `like` has no index under row-level security."""
    return and_(column >= prefix, column < prefix + _LAST)


async def _similar_names(context: Context, customer: Customer) -> set[UUID]:
    """Spelled alike, in one script: a high bar first, a low one where few are above it."""
    found: set[UUID] = set()
    for name in filter(None, (customer.name, customer.name2)):
        for similarity in _WORD_SIMILARITIES:
            rows = await context.session.scalars(
                _SEARCH_CANDIDATES,
                {
                    "tenant": context.tenant.id,
                    "words": fold_text(name)[:100].split(" "),
                    "similarity": similarity,
                    "most": _SPELLED_ALIKE_MAX,
                },
            )
            near = set(rows)
            found |= near
            if len(near) > _CANDIDATES_MAX:
                break
    return found


async def _similar_sounds(context: Context, customer: Customer) -> set[UUID]:
    """Of the same consonants, in either script; first and last name also the other way round."""
    whole = {name_skeleton(fold_text(name)) for name in (customer.name, customer.name2) if name}
    wanted = set(filter(None, whole))
    for words in [skeleton.split(" ") for skeleton in wanted]:
        wanted |= {" ".join(words[:2]), " ".join(words[1::-1])}
    queries = [
        select(Customer.id)
        .where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.id != customer.id,
            _begins(column, skeleton),
        )
        .order_by(column)
        .limit(_CANDIDATES_MAX)
        for skeleton in sorted(wanted)
        for column in (Customer.name_skeleton, Customer.name2_skeleton)
    ]
    return set(await context.session.scalars(union_all(*queries))) if queries else set()


async def _customers(context: Context, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await context.session.scalars(
        select(Customer).where(Customer.tenant_org_id == context.tenant.id, Customer.id.in_(wanted))
    )
    return {row.id: row for row in rows}


async def _open_pairs(context: Context, customer_id: UUID) -> dict[UUID, UUID]:
    """The customers with which this one is suggested now, with the suggestion's id."""
    rows = await context.session.execute(
        select(Duplicate.id, Duplicate.customer_a, Duplicate.customer_b)
        .where(
            Duplicate.tenant_org_id == context.tenant.id,
            Duplicate.status == "open",
            or_(Duplicate.customer_a == customer_id, Duplicate.customer_b == customer_id),
        )
        .limit(PARTNERS_MAX)
    )
    return {row[2] if row[1] == customer_id else row[1]: row[0] for row in rows}


async def _settled_with(context: Context, customer_id: UUID) -> set[UUID]:
    """With whom it was decided: for what was merged into either of two, it counts for them too."""
    own = {customer_id, *await former_customers(context, customer_id)}
    rows = await context.session.execute(
        select(Duplicate.customer_a, Duplicate.customer_b).where(
            Duplicate.tenant_org_id == context.tenant.id,
            Duplicate.status == "dismissed",
            or_(Duplicate.customer_a.in_(own), Duplicate.customer_b.in_(own)),
        )
    )
    others = {customer for row in rows for customer in row} - own
    survivors = await context.session.scalars(
        select(Customer.merged_into).where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.id.in_(others),
            Customer.merged_into.is_not(None),
        )
    )
    return others | {survivor for survivor in survivors if survivor}


async def _drop(context: Context, ids: list[UUID]) -> list[UUID]:
    if not ids:
        return []
    rows = await context.session.scalars(
        delete(Duplicate)
        .where(
            Duplicate.tenant_org_id == context.tenant.id,
            Duplicate.id.in_(ids),
            Duplicate.status == "open",
        )
        .returning(Duplicate.id)
    )
    return list(rows)


async def _keep(context: Context, customer_id: UUID, found: dict[UUID, Suggestion]) -> list[UUID]:
    """In the order of the pairs, so that two jobs that meet wait for each other in turn."""
    changed: list[UUID] = []
    for a, b in sorted((min(customer_id, c), max(customer_id, c)) for c in found):
        suggestion = found[b if a == customer_id else a]
        fresh = insert(Duplicate).values(
            tenant_org_id=context.tenant.id,
            id=new_id(),
            customer_a=a,
            customer_b=b,
            score=suggestion.score,
            evidence=msgspec.to_builtins(suggestion.evidence),
        )
        row_id = await context.session.scalar(
            fresh.on_conflict_do_update(
                constraint="org_customer_duplicates_pair_uq",
                set_={"score": fresh.excluded.score, "evidence": fresh.excluded.evidence},
                where=(Duplicate.status == "open")
                & tuple_(Duplicate.score, Duplicate.evidence).is_distinct_from(
                    tuple_(fresh.excluded.score, fresh.excluded.evidence)
                ),
            ).returning(Duplicate.id)
        )
        changed += [row_id] if row_id else []
    return changed
