"""Takes a merge back, the last one first (SPEC 5.4).

What nobody touched since is as it was before, the time of its last change included. Versions are
not: they only grow, so that an `ETag` from before the merge or from between never matches again.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select

from crm_saas.custom.models import VALUES
from crm_saas.customers.identifiers import lock_claims
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.events import changed, plain, record
from crm_saas.merges import contacts, manifest, moves, queries
from crm_saas.merges.errors import AlreadyUndone, LaterMergeFirst, UndoWindowOver
from crm_saas.merges.fields import COMBINED, FIELDS, wire_name
from crm_saas.merges.manifest import CUSTOMERS, SUGGESTIONS, Changed, Manifest, typed
from crm_saas.merges.models import DUPLICATES, LOG, Duplicate, Merge
from crm_saas.merges.schemas import KeptField, ReturnedRow, UndoReport
from crm_saas.merges.service import CLAIMS, UNTOLD, lay_out_pair, values_of

ADDED_REPORTED_MAX = 200


async def undo_merge(context: Context, merge_id: UUID) -> tuple[Merge, queries.Pair]:
    """Restores both customers from the manifest, and reports what changed since.

    Raises NotFound, AlreadyUndone, UndoWindowOver, LaterMergeFirst.
    """
    merge, *_ = await queries.access_merge(context, merge_id)
    kept = msgspec.convert(merge.manifest, Manifest)
    pair = await _lock(context, merge, kept)
    await _check(context, merge)
    before = {customer.id: _facts(customer) for customer in pair}
    values = values_of(pair)
    fields, settlement = await _restore_customers(context, kept, pair)
    rows, touched = await _return_rows(context, merge, kept)
    if kept.pair is not None:
        touched[DUPLICATES] = [await _restore_suggestion(context, kept.pair)]
    report = UndoReport(
        fields=[KeptField(field=wire_name(f), customer_id=pair.target.id) for f in fields],
        contacts=settlement.contacts,
        rows=rows,
    )
    merge.undone_at, merge.undo_report = datetime.now(UTC), msgspec.to_builtins(report)
    merge.undone_by, merge.undone_by_name = context.actor.id, context.actor.name
    await context.session.flush()
    touched |= {CLAIMS: settlement.identifiers, LOG: [merge.id]}
    touched[VALUES] = await lay_out_pair(context, pair, values)
    await _record(context, merge, pair, before, touched)
    return merge, pair


async def _restore_customers(
    context: Context, kept: Manifest, pair: queries.Pair
) -> tuple[list[str], contacts.Settlement]:
    """The survivor first: of one phone only one living customer may be the holder."""
    source, target = pair
    claims = contacts.claims_moved(kept) + contacts.claims_before(kept)
    holders = await contacts.holders_of(context, claims)
    stamp = _stamp(target)
    fields = _revert_target(kept, target)
    settlement = contacts.settle_claims(kept, pair, holders)
    _keep_profile(kept, target, fields)
    if not fields and not settlement.contacts and stamp == kept.target["updated_at"].after:
        target.updated_at = typed(CUSTOMERS, "updated_at", kept.target["updated_at"].before)
    context.session.add_all(settlement.new)
    await context.session.flush()
    await contacts.hand_back(context, settlement, source.id)
    for name, change in kept.source.items():
        setattr(source, name, typed(CUSTOMERS, name, change.before))
    await context.session.flush()
    for customer in pair:
        await context.session.refresh(customer)
    return fields, settlement


async def _lock(context: Context, merge: Merge, kept: Manifest) -> queries.Pair:
    """Along the merge, as `access_customer` does: the merged one before its survivor."""
    await lock_claims(context, contacts.claims_moved(kept) + contacts.claims_before(kept))
    moved = kept.moved.get(f"{CUSTOMERS.name}.merged_into")
    await queries.lock_former(context, [row.id for row in moved.rows] if moved else [])
    source = await queries.lock_customer(context, merge.source_id)
    target = await queries.lock_customer(context, merge.target_id)
    await context.session.refresh(merge, with_for_update=True)
    return queries.Pair(source, target)


async def _check(context: Context, merge: Merge) -> None:
    if merge.undone_at is not None:
        raise AlreadyUndone(f"It was undone by {merge.undone_by_name}; nothing changed.")
    if merge.undo_until <= datetime.now(UTC):
        raise UndoWindowOver(f"It could be undone until {merge.undo_until:%Y-%m-%d %H:%M} UTC.")
    later = await queries.later_merge(context, merge)
    if later is not None:
        raise LaterMergeFirst(
            f"The survivor took part in a later merge. Undo {later.id} first.",
            mergeId=str(later.id),
        )


def _revert_target(kept: Manifest, target: Customer) -> list[str]:
    """Gives the survivor back what the merge changed; returns the fields edited since."""
    edited = []
    for field, columns in (FIELDS | COMBINED).items():
        changes = {column: kept.target[column] for column in columns if column in kept.target}
        if not changes:
            continue
        if _edited(target, field, changes):
            edited.append(field)
            continue
        for column, change in changes.items():
            setattr(target, column, typed(CUSTOMERS, column, change.before))
    return edited


def _edited(target: Customer, field: str, changes: dict[str, Changed]) -> bool:
    if field == "phone" and target.phone is None:
        # Not edited but taken: a phone can be changed, never removed.
        return False
    now = plain({column: getattr(target, column) for column in changes}) or {}
    return any(now[column] != change.after for column, change in changes.items())


def _keep_profile(kept: Manifest, target: Customer, fields: list[str]) -> None:
    """Who was a guest and got a phone or an e-mail since is no guest any more."""
    change = kept.target.get("profile_status")
    if change and target.profile_status == "guest" and (target.phone or target.email):
        target.profile_status, target.expires_at = change.after, None
        fields.append("profile_status")


def _stamp(customer: Customer) -> Any:
    return (plain({"updated_at": customer.updated_at}) or {})["updated_at"]


async def _return_rows(
    context: Context, merge: Merge, kept: Manifest
) -> tuple[list[ReturnedRow], dict[str, list[UUID]]]:
    report: list[ReturnedRow] = []
    touched: dict[str, list[UUID]] = {}
    source_id, target_id = merge.source_id, merge.target_id
    for move in moves.moving():
        if move.name not in kept.moved:
            continue
        table = str(move.table.name)
        done = await moves.move_back(
            context, move, kept.moved[move.name], source_id=source_id, target_id=target_id
        )
        added = await moves.added_since(context, move, target_id, merge.id, ADDED_REPORTED_MAX)
        report += [ReturnedRow(table=table, id=i, outcome="gone") for i in done.gone]
        report += [
            ReturnedRow(table=table, id=i, outcome="edited", customer_id=source_id)
            for i in done.edited
        ]
        report += [
            ReturnedRow(table=table, id=i, outcome="added", customer_id=target_id) for i in added
        ]
        touched.setdefault(table, []).extend(done.touched)
    return report, touched


async def _restore_suggestion(context: Context, pair: manifest.Pair) -> UUID:
    suggestion = (
        await context.session.scalars(
            select(Duplicate).where(
                Duplicate.tenant_org_id == context.tenant.id, Duplicate.id == pair.id
            )
        )
    ).one()
    for name, change in pair.columns.items():
        setattr(suggestion, name, typed(SUGGESTIONS, name, change.before))
    await context.session.flush()
    return suggestion.id


def _facts(customer: Customer) -> dict[str, Any]:
    columns = [c for group in (FIELDS | COMBINED).values() for c in group]
    return {column: getattr(customer, column) for column in columns if column not in UNTOLD}


async def _record(
    context: Context,
    merge: Merge,
    pair: queries.Pair,
    before: dict[UUID, dict[str, Any]],
    touched: dict[str, list[UUID]],
) -> None:
    source, target = pair
    for customer, other, kind, rows in (
        (target, source, "customer.unmerged", touched),
        (source, target, "customer.restored", {}),
    ):
        old, new = changed(before[customer.id], _facts(customer))
        await record(
            context,
            kind,
            subject=(CUSTOMERS.name, customer.id),
            customer_id=customer.id,
            before=old,
            after=new | {"mergeId": merge.id, "otherId": other.id},
            rows=rows,
        )
