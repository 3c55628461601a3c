"""Suggestions as they are written: each pair once, the settled ones never again, and few enough."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Select, delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from crm_saas.customers.models import Customer
from crm_saas.customers.similarity import Suggestion
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.merges.models import Duplicate

# Open ones of one customer; whoever has so many like him has a name that says nothing.
KEPT_MAX = 10

Pair = tuple[UUID, UUID]
"""The smaller id first."""
Found = Mapping[Pair, Suggestion]


class Kept(NamedTuple):
    id: UUID
    pair: Pair


def pair_of(one: UUID, other: UUID) -> Pair:
    return (one, other) if one < other else (other, one)


async def keep_pairs(context: Context, found: Found) -> list[Kept]:
    """Writes what is new or scored otherwise, the likeliest first; returns what it wrote.

    What was dismissed or merged stays as it is.
    """
    members = {customer for pair in found for customer in pair}
    if not members:
        return []
    settled = await settled_pairs(context, members)
    there = await open_suggestions(context, members)
    held = Counter(customer for pair in there for customer in pair)
    kept: list[Pair] = []
    for pair in sorted(found, key=lambda pair: -found[pair].score):
        if pair in settled:
            continue
        if pair not in there:
            if any(held[customer] >= KEPT_MAX for customer in pair):
                continue
            held.update(pair)
        kept.append(pair)
    return await _write(context, {pair: found[pair] for pair in sorted(kept)})


async def _write(context: Context, found: Found) -> list[Kept]:
    """In the order of the pairs, so that two that meet wait for each other in turn."""
    if not found:
        return []
    fresh = insert(Duplicate).values(
        [
            {
                "tenant_org_id": context.tenant.id,
                "id": new_id(),
                "customer_a": a,
                "customer_b": b,
                "score": suggestion.score,
                "evidence": msgspec.to_builtins(suggestion.evidence),
                "ground": suggestion.evidence[0].kind if suggestion.evidence else "",
            }
            for (a, b), suggestion in found.items()
        ]
    )
    rows = await context.session.execute(
        fresh.on_conflict_do_update(
            constraint="org_customer_duplicates_pair_uq",
            set_={name: fresh.excluded[name] for name in ("score", "evidence", "ground")},
            where=(Duplicate.status == "open")
            & tuple_(Duplicate.score, Duplicate.evidence).is_distinct_from(
                tuple_(fresh.excluded.score, fresh.excluded.evidence)
            ),
        ).returning(Duplicate.id, Duplicate.customer_a, Duplicate.customer_b)
    )
    return [Kept(row_id, (a, b)) for row_id, a, b in rows]


async def drop_suggestions(context: Context, ids: Collection[UUID]) -> list[UUID]:
    """Of these, those that are open still."""
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


async def settled_again(context: Context, there: Mapping[Pair, UUID]) -> list[UUID]:
    """Of these open suggestions, those of two whom a merge has made a pair that was decided."""
    settled = await settled_pairs(context, {customer for pair in there for customer in pair})
    return [row_id for pair, row_id in there.items() if pair in settled]


async def count_new(context: Context, found: Collection[Pair]) -> int:
    """How many of these are neither suggested nor decided yet."""
    members = {customer for pair in found for customer in pair}
    if not members:
        return 0
    known = (
        await settled_pairs(context, members) | (await open_suggestions(context, members)).keys()
    )
    return len(set(found) - known)


async def settled_pairs(context: Context, members: Collection[UUID]) -> set[Pair]:
    """Pairs of these that were decided: for what was merged into either of two, it counts too."""
    survivor = {customer: customer for customer in members}
    former = await context.session.execute(
        select(Customer.id, Customer.merged_into).where(
            Customer.tenant_org_id == context.tenant.id, Customer.merged_into.in_(members)
        )
    )
    survivor |= {row.id: row.merged_into for row in former}
    decided = await context.session.execute(
        _pairs_of(context, survivor).where(Duplicate.status == "dismissed")
    )
    settled = [(row.customer_a, row.customer_b) for row in decided]
    others = {customer for pair in settled for customer in pair} - survivor.keys()
    survivor |= await _survivors(context, others)
    return {pair_of(survivor.get(a, a), survivor.get(b, b)) for a, b in settled}


async def _survivors(context: Context, customers: Collection[UUID]) -> dict[UUID, UUID]:
    if not customers:
        return {}
    rows = await context.session.execute(
        select(Customer.id, Customer.merged_into).where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.id.in_(customers),
            Customer.merged_into.is_not(None),
        )
    )
    return {row.id: row.merged_into for row in rows}


async def open_suggestions(context: Context, members: Collection[UUID]) -> dict[Pair, UUID]:
    """The pairs that are suggested of these customers, each with its suggestion's id."""
    rows = await context.session.execute(
        _pairs_of(context, members).add_columns(Duplicate.id).where(Duplicate.status == "open")
    )
    return {(row.customer_a, row.customer_b): row.id for row in rows}


def _pairs_of(context: Context, customers: Iterable[UUID]) -> Select[UUID, UUID]:
    wanted = list(customers)
    return select(Duplicate.customer_a, Duplicate.customer_b).where(
        Duplicate.tenant_org_id == context.tenant.id,
        or_(Duplicate.customer_a.in_(wanted), Duplicate.customer_b.in_(wanted)),
    )
