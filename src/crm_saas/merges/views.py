"""Merges and suggestions as the API shows them; contact data masked for whom it is masked."""

from typing import Any
from uuid import UUID

import msgspec

from crm_saas.customers.models import Customer
from crm_saas.customers.views import view_customer
from crm_saas.kit.context import Context
from crm_saas.kit.emails import mask_email
from crm_saas.kit.phones import mask_phone
from crm_saas.merges import moves, queries, service
from crm_saas.merges.fields import FIELDS, Choices, clashing, decide, survivor_columns, wire_name
from crm_saas.merges.manifest import Manifest
from crm_saas.merges.models import Merge, Sweep
from crm_saas.merges.schemas import (
    Clash,
    EvidenceView,
    LeftOut,
    MergePreview,
    MergeView,
    Moving,
    SuggestionView,
    SweepView,
    UndoReport,
)
from crm_saas.merges.suggestions import Row

_SAME = (
    "id", "source_id", "target_id", "reason", "merged_at", "merged_by", "merged_by_name",
    "undo_until", "undone_at", "undone_by_name",
)  # fmt: skip


async def preview_merge(
    context: Context, *, source_id: UUID, target_id: UUID, choices: Choices
) -> MergePreview:
    """What a merge would do, without doing it. Raises CustomerNotFound, InvalidInput."""
    pair = await queries.access_pair(context, source_id, target_id)
    source, target = pair
    blockers = await service.blockers_of(context, pair)
    sides = decide(source, target, choices)
    views = {"source": view_customer(context, source), "target": view_customer(context, target)}
    return MergePreview(
        source=views["source"],
        target=views["target"],
        blockers=blockers,
        clashes=[
            Clash(
                field=wire_name(field),
                source=getattr(views["source"], field),
                target=getattr(views["target"], field),
                choice=sides[field],
            )
            for field in clashing(source, target)
        ],
        choices=Choices(**sides),
        moves=[
            Moving(table=one.table.name, count=await moves.count_rows(context, one, source.id))
            for one in moves.following()
        ],
        result=None
        if blockers
        else view_customer(context, _survivor(target, survivor_columns(source, target, sides))),
        undo_days=service.undo_days(context),
    )


def _survivor(target: Customer, columns: dict[str, Any]) -> Customer:
    """Never added to the session: only looked at."""
    plain = {c.key: getattr(target, c.key) for c in Customer.__table__.c if c.computed is None}
    return Customer(**plain | columns)


def view_merge(row: queries.MergeRow) -> MergeView:
    return MergeView(**merge_fields(*row))


def merge_fields(merge: Merge, source: Customer, target: Customer) -> dict[str, Any]:
    return {name: getattr(merge, name) for name in _SAME} | {
        "source_number": source.customer_number,
        "source_name": source.display_name,
        "target_number": target.customer_number,
        "target_name": target.display_name,
        "choices": Choices(**{f: side for f, side in merge.choices.items() if f in FIELDS}),
        "moved": _moved(msgspec.convert(merge.manifest, Manifest)),
    }


def _moved(kept: Manifest) -> list[Moving]:
    counts = {name: len(moved.rows) for name, moved in kept.moved.items()}
    claims = Moving(table=service.CLAIMS, count=len(kept.claims))
    listed = [(m.table.name, counts[m.name]) for m in moves.moving() if m.name in counts]
    return [claims, *(Moving(table=table, count=count) for table, count in listed)]


async def view_report(context: Context, merge: Merge) -> UndoReport | None:
    """Names only customers that the caller may see."""
    if merge.undo_report is None:
        return None
    report = msgspec.convert(merge.undo_report, UndoReport)
    named = {c.customer_id for c in report.contacts if c.customer_id}
    visible = await queries.visible_customers(context, named)
    whole = context.actor.may("customers:unmask")
    for contact in report.contacts:
        contact.customer_id = contact.customer_id if contact.customer_id in visible else None
        if not whole:
            contact.phone = contact.phone and mask_phone(contact.phone)
            contact.email = contact.email and mask_email(contact.email)
    return report


def view_sweep(sweep: Sweep) -> SweepView:
    done = sweep.status == "done"
    return SweepView(
        id=sweep.id,
        status=sweep.status,  # type: ignore[arg-type]
        progress=1 if done else round(sweep.step / sweep.steps, 3) if sweep.steps else 0,
        started_at=sweep.started_at,
        started_by_name=sweep.started_by_name,
        ended_at=sweep.ended_at,
        customers=sweep.customers,
        compared=sweep.compared,
        found=sweep.found,
        dropped=sweep.dropped,
        left_out=msgspec.convert(sweep.left_out, dict[str, LeftOut]),
    )


def view_suggestion(context: Context, row: Row) -> SuggestionView:
    suggestion = row.suggestion
    return SuggestionView(
        id=suggestion.id,
        score=suggestion.score,
        evidence=msgspec.convert(suggestion.evidence, list[EvidenceView]),
        status=suggestion.status,  # type: ignore[arg-type]
        found_at=suggestion.found_at,
        customers=[view_customer(context, row.a), view_customer(context, row.b)],
    )
