"""Compares changed customers with those that resemble them (SPEC 5.1).

With the scores and the evidence of a sweep: it differs in where it looks, which is by the indexes
for each customer, as far as that is cheap.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, text, union_all

from crm_saas.customers.contacts import phones_nearly_agree
from crm_saas.customers.folding import fold_text
from crm_saas.customers.models import Customer, Identifier
from crm_saas.customers.similarity import NameCounts, Suggestion, read_profile, score
from crm_saas.customers.skeletons import name_skeleton
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.merges.keeping import (
    KEPT_MAX,
    Kept,
    Pair,
    drop_suggestions,
    keep_pairs,
    open_suggestions,
    pair_of,
    settled_pairs,
)
from crm_saas.merges.manifest import CUSTOMERS
from crm_saas.merges.models import DUPLICATES
from crm_saas.merges.names import counted_names
from crm_saas.merges.profiles import LIVING, profiles_of
from crm_saas.merges.scoring import SCORE_MIN

_CANDIDATES_MAX = 20
_SPELLED_ALIKE_MAX = 100
_NUMBERS_MAX = 2000
_WORD_SIMILARITIES = (0.6, 0.3)
_SEARCH_CANDIDATES = text(
    "select * from search_candidates("
    ":tenant, cast(:words as text[]), cast(:similarity as real), cast(:most as integer))"
)
_TAIL_DIGITS, _HALF_DIGITS = 7, 4
_LAST = chr(1114111)


async def find_duplicates(context: Context, customer_ids: Collection[UUID]) -> list[UUID]:
    """Compares these customers; returns the changed suggestions.

    Run again, it changes nothing. What was dismissed or merged stays as it is.
    """
    counts = await counted_names(context)
    pairs: set[Pair] = set()
    for customer in await _living(context, customer_ids):
        found = await _candidates(context, customer)
        pairs |= {pair_of(customer.id, other) for other in found - {customer.id}}
    there = await open_suggestions(context, customer_ids)
    scored = await _score(context, pairs | there.keys(), counts)
    members = {customer for pair in scored for customer in pair}
    settled = await settled_pairs(context, members)
    stale = {
        pair: row_id
        for pair, row_id in there.items()
        if pair in settled or (pair in scored and scored[pair].score < SCORE_MIN)
    }
    dropped = set(await drop_suggestions(context, stale.values()))
    likely = {p: found for p, found in scored.items() if found.score >= SCORE_MIN}
    changed = await keep_pairs(context, _best(likely, customer_ids))
    changed += [Kept(row_id, pair) for pair, row_id in stale.items() if row_id in dropped]
    await _record(context, changed, customer_ids)
    return [kept.id for kept in changed]


async def _living(context: Context, ids: Collection[UUID]) -> Sequence[Customer]:
    rows = await context.session.scalars(
        select(Customer).where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.id.in_(ids),
            Customer.status.in_(LIVING),
        )
    )
    return rows.all()


async def _score(
    context: Context, pairs: Collection[Pair], counts: NameCounts
) -> dict[Pair, Suggestion]:
    members = {customer for pair in pairs for customer in pair}
    read = {
        customer: read_profile(profile)
        for customer, profile in (await profiles_of(context, members)).items()
    }
    scored: dict[Pair, Suggestion] = {}
    for place, (a, b) in enumerate(sorted(pairs)):
        if place % 100 == 0:
            await asyncio.sleep(0)  # others of this process have their turn
        if a in read and b in read:
            scored[a, b] = score(read[a], read[b], counts)
    return scored


def _best(likely: dict[Pair, Suggestion], of: Collection[UUID]) -> dict[Pair, Suggestion]:
    """The likeliest of each of these customers."""
    taken = dict.fromkeys(of, 0)
    best: dict[Pair, Suggestion] = {}
    for pair in sorted(likely, key=lambda pair: -likely[pair].score):
        compared = [customer for customer in pair if customer in taken]
        if any(taken[customer] < KEPT_MAX for customer in compared):
            best[pair] = likely[pair]
            for customer in compared:
                taken[customer] += 1
    return best


async def _record(context: Context, changed: Sequence[Kept], compared: Collection[UUID]) -> None:
    """One event for each of the compared whose suggestions changed; each suggestion in one."""
    touched: dict[UUID, list[UUID]] = {}
    for kept in changed:
        subject = next(customer for customer in kept.pair if customer in compared)
        touched.setdefault(subject, []).append(kept.id)
    for customer, rows in touched.items():
        await record(
            context,
            "customer.duplicates_found",
            subject=(CUSTOMERS.name, customer),
            customer_id=customer,
            after={"suggestions": len(rows)},
            rows={DUPLICATES: rows},
        )


async def _candidates(context: Context, customer: Customer) -> set[UUID]:
    found: set[UUID] = set()
    if customer.phone:
        found |= await _similar_phones(context, customer.phone)
    if customer.email:
        local = fold_text(customer.email.rpartition("@")[0].partition("+")[0])
        for end in "@+":
            found |= await _few(context, _begins(Customer.email_norm, f"{local}{end}"))
    found |= await _similar_names(context, customer)
    return found | await _similar_sounds(context, customer)


async def _few(context: Context, condition: ColumnElement[bool]) -> set[UUID]:
    rows = await context.session.scalars(
        select(Customer.id)
        .where(Customer.tenant_org_id == context.tenant.id, Customer.status.in_(LIVING), condition)
        .limit(_CANDIDATES_MAX)
    )
    return set(rows)


def _begins(column: Any, prefix: str) -> ColumnElement[bool]:
    """A range, since `like` has no index under row-level security."""
    return and_(column >= prefix, column < prefix + _LAST)


async def _similar_phones(context: Context, phone: str) -> set[UUID]:
    """With the same ending, or with a digit typed wrong: one half of the number is right then."""
    tail, head = phone[::-1][:_HALF_DIGITS], phone[:-_HALF_DIGITS]
    halves = [
        select(Customer.id, Customer.phone)
        .where(Customer.tenant_org_id == context.tenant.id, _begins(Customer.phone_rev, tail))
        .limit(_NUMBERS_MAX),
        select(Identifier.customer_id, Identifier.value)
        .where(
            Identifier.tenant_org_id == context.tenant.id,
            Identifier.kind == "phone",
            _begins(Identifier.value, head),
        )
        .limit(_NUMBERS_MAX),
    ]
    found = await _few(context, _begins(Customer.phone_rev, phone[::-1][:_TAIL_DIGITS]))
    for half in halves:
        rows = await context.session.execute(half)
        found |= {
            customer for customer, other in rows if other and phones_nearly_agree(phone, other)
        }
    return found


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
    """Of the same consonants, in either script; first and last name also the other way round.

    A common name has many such: those with the same birth date first.
    """
    whole = {name_skeleton(fold_text(name)) for name in (customer.name, customer.name2) if name}
    wanted = set(filter(None, whole))
    for words in [skeleton.split(" ") for skeleton in wanted]:
        wanted |= {" ".join(words[:2]), " ".join(words[1::-1])}
    if not wanted:
        return set()
    queries = [
        select(Customer.id)
        .where(Customer.tenant_org_id == context.tenant.id, _begins(column, skeleton))
        .order_by(column)
        .limit(_CANDIDATES_MAX)
        for skeleton in sorted(wanted)
        for column in (Customer.name_skeleton, Customer.name2_skeleton)
    ]
    found = set(await context.session.scalars(union_all(*queries)))
    if customer.date_of_birth:
        named = [
            _begins(column, skeleton)
            for skeleton in sorted(wanted)
            for column in (Customer.name_skeleton, Customer.name2_skeleton)
        ]
        born = Customer.date_of_birth == customer.date_of_birth
        found |= await _few(context, and_(born, or_(*named)))
    return found
