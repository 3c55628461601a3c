"""Two customers that are one person become one (SPEC 5.2).

Lock order: phones and e-mails, customers merged earlier, then the two in the order of their ids.
Of two merges that cross (A into B, B into A), one waits and then finds the other's work done.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update

from crm_saas.custom.models import VALUES
from crm_saas.custom.values import lay_out_values
from crm_saas.customers.identifiers import lock_claims
from crm_saas.customers.models import Customer, Identifier
from crm_saas.customers.queries import former_customers
from crm_saas.kit.context import Context
from crm_saas.kit.errors import Conflict, InvalidInput
from crm_saas.kit.events import plain, record
from crm_saas.kit.ids import new_id
from crm_saas.merges import manifest, moves, queries
from crm_saas.merges.errors import AlreadyMerged, MergeBlocked
from crm_saas.merges.fields import Choices, decide, survivor_columns
from crm_saas.merges.manifest import CUSTOMERS, Changed, Manifest, MovedClaim
from crm_saas.merges.models import DUPLICATES, LOG, Duplicate, Merge
from crm_saas.merges.schemas import Blocker

UNDO_DAYS = 30
# The person behind a phone is never shown to a tenant.
UNTOLD = frozenset({"person_id", "updated_at"})
CLAIMS = Identifier.__tablename__


async def merge_customers(
    context: Context,
    *,
    source_id: UUID,
    target_id: UUID,
    choices: Choices,
    reason: str | None = None,
) -> tuple[Merge, queries.Pair]:
    """Everything of the source goes to the target, which survives.

    Raises CustomerNotFound, AlreadyMerged, MergeBlocked, InvalidInput.
    """
    # Before the locks too: whoever follows a merge locks along it, against the order of ids.
    seen = await queries.access_pair(context, source_id, target_id)
    refuse_blocked(await blockers_of(context, seen))
    pair = await _lock(context, source_id, target_id)
    refuse_blocked(await blockers_of(context, pair))
    source, target = pair
    sides = decide(source, target, choices)
    now = datetime.now(UTC)
    values = values_of(pair)
    kept = await _move_everything(context, pair, survivor_columns(source, target, sides), now)
    merge = Merge(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        source_id=source.id,
        target_id=target.id,
        target_version=target.version,
        choices=dict(sides),
        reason=reason,
        manifest=msgspec.to_builtins(kept),
        merged_at=now,
        merged_by=context.actor.id,
        merged_by_name=context.actor.name,
        undo_until=now + timedelta(days=undo_days(context)),
    )
    context.session.add(merge)
    await context.session.flush()
    await _record(context, merge, pair, kept, await lay_out_pair(context, pair, values))
    return merge, pair


def values_of(pair: queries.Pair) -> dict[UUID, dict[str, Any]]:
    return {customer.id: customer.custom_fields for customer in pair}


async def lay_out_pair(
    context: Context, pair: queries.Pair, before: dict[UUID, dict[str, Any]]
) -> list[UUID]:
    """The values by which lists are filtered, which living customers have alone."""
    touched = []
    for customer in pair:
        was_living = customer is pair.target or customer.merged_into is not None
        touched += await lay_out_values(
            context,
            customer.id,
            customer.created_at,
            before=before[customer.id] if was_living else {},
            after={} if customer.merged_into is not None else customer.custom_fields,
        )
    return touched


async def _move_everything(
    context: Context, pair: queries.Pair, columns: dict[str, Any], now: datetime
) -> Manifest:
    """The source first: of one phone only one living customer may be the holder."""
    source, target = pair
    merged = {"status": "merged", "merged_into": target.id, "merged_at": now}
    return Manifest(
        source=await _change(context, source, merged),
        target=await _change(context, target, columns),
        claims=await _move_claims(context, source.id, target.id),
        moved={
            move.name: await moves.move_rows(
                context, move, source_id=source.id, target_id=target.id
            )
            for move in moves.moving()
        },
        pair=await _decide_suggestion(context, source.id, target.id, now),
    )


def undo_days(context: Context) -> int:
    days: int = context.tenant.policy("merge_undo_days", UNDO_DAYS)
    return days


async def blockers_of(context: Context, pair: queries.Pair) -> list[Blocker]:
    source, target = pair
    if source.id == target.id:
        return [Blocker(code="same-customer", message="A customer cannot be merged into itself.")]
    found = [await _merged(context, c) for c in pair if c.merged_into is not None]
    found += [
        Blocker(code="erased", message=f"{c.customer_number} was erased.")
        for c in pair
        if c.status == "erased"
    ]
    if source.status == "blocked" and target.status not in {"blocked", "merged"}:
        found.append(
            Blocker(
                code="blocked",
                message=f"{source.customer_number} is blocked, and its block would be lost. Merge "
                "the other way round, or lift the block first.",
            )
        )
    return found


async def _merged(context: Context, customer: Customer) -> Blocker:
    """Names the survivor, where it is in the actor's scope."""
    survivor = await queries.survivor_of(context, customer)
    if survivor is None:
        return Blocker(
            code="already-merged",
            message=f"{customer.customer_number} was merged into another customer.",
        )
    return Blocker(
        code="already-merged",
        message=f"{customer.customer_number} was merged into {survivor.customer_number} "
        f"({survivor.display_name}). Use that customer, or undo the merge.",
        customer_id=survivor.id,
        customer_number=survivor.customer_number,
    )


def refuse_blocked(blockers: list[Blocker]) -> None:
    """Raises InvalidInput, AlreadyMerged, MergeBlocked."""
    if not blockers:
        return
    first = blockers[0]
    if first.code == "same-customer":
        raise InvalidInput.of("sourceId", "must be another customer than targetId")
    problem: type[Conflict] = AlreadyMerged if first.code == "already-merged" else MergeBlocked
    raise problem(
        first.message,
        customerId=first.customer_id and str(first.customer_id),
        customerNumber=first.customer_number,
    )


async def _lock(context: Context, source_id: UUID, target_id: UUID) -> queries.Pair:
    held = await queries.claims_held(context, source_id, target_id)
    await lock_claims(context, held)
    await queries.lock_former(context, await former_customers(context, source_id))
    pair = await queries.lock_pair(context, source_id, target_id)
    # Come in the meantime; from here on nothing can.
    late = set(await queries.claims_held(context, source_id, target_id)) - set(held)
    await lock_claims(context, late)
    return pair


async def _change(
    context: Context, customer: Customer, columns: dict[str, Any]
) -> dict[str, Changed]:
    """Writes the columns; always a new version, which orders the merges of one survivor."""
    before = {name: getattr(customer, name) for name in (*columns, "updated_at")}
    for name, value in columns.items():
        setattr(customer, name, value)
    customer.updated_at = func.now()
    await context.session.flush()
    await context.session.refresh(customer)
    old = plain(before) or {}
    new = plain({name: getattr(customer, name) for name in before}) or {}
    return {name: Changed(old[name], new[name]) for name in before if old[name] != new[name]}


async def _move_claims(context: Context, source_id: UUID, target_id: UUID) -> list[MovedClaim]:
    """The source's phones and e-mails go on finding the survivor, as its aliases."""
    rows = await context.session.execute(
        update(Identifier)
        .where(Identifier.tenant_org_id == context.tenant.id, Identifier.customer_id == source_id)
        .values(customer_id=target_id)
        .returning(Identifier.id, Identifier.kind, Identifier.value, Identifier.created_at)
        .execution_options(synchronize_session=False)
    )
    return [MovedClaim(*row) for row in rows]


async def _decide_suggestion(
    context: Context, source_id: UUID, target_id: UUID, now: datetime
) -> manifest.Pair | None:
    a, b = sorted((source_id, target_id))
    suggestion = await context.session.scalar(
        select(Duplicate)
        .where(
            Duplicate.tenant_org_id == context.tenant.id,
            Duplicate.customer_a == a,
            Duplicate.customer_b == b,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if suggestion is None:
        return None
    after = {
        "status": "merged",
        "decided_at": now,
        "decided_by": context.actor.id,
        "decided_by_name": context.actor.name,
    }
    old, new = plain({name: getattr(suggestion, name) for name in after}) or {}, plain(after) or {}
    for name, value in after.items():
        setattr(suggestion, name, value)
    await context.session.flush()
    return manifest.Pair(suggestion.id, {n: Changed(old[n], new[n]) for n in after})


async def _record(
    context: Context, merge: Merge, pair: queries.Pair, kept: Manifest, laid_out: list[UUID]
) -> None:
    """One record at each of the two; the survivor's names every row that moved."""
    source, target = pair
    rows = {LOG: [merge.id], CLAIMS: [claim.id for claim in kept.claims], VALUES: laid_out}
    for name, moved in kept.moved.items():
        rows.setdefault(name.partition(".")[0], []).extend(row.id for row in moved.rows)
    if kept.pair:
        rows[DUPLICATES] = [kept.pair.id]
    named = {"mergeId": merge.id, "sourceId": source.id, "sourceNumber": source.customer_number}
    changed = {n: c for n, c in kept.target.items() if n not in UNTOLD}
    await record(
        context,
        "customer.merged",
        subject=(CUSTOMERS.name, target.id),
        customer_id=target.id,
        before={name: change.before for name, change in changed.items()},
        after={name: change.after for name, change in changed.items()}
        | named
        | ({"reason": merge.reason} if merge.reason else {}),
        rows=rows,
    )
    await record(
        context,
        "customer.merged_away",
        subject=(CUSTOMERS.name, source.id),
        customer_id=source.id,
        before={"status": kept.source["status"].before},
        after={
            "status": "merged",
            "mergeId": merge.id,
            "targetId": target.id,
            "targetNumber": target.customer_number,
        },
    )
