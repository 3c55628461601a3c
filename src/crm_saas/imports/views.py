"""Imports as the API shows them."""

import msgspec

from crm_saas.imports.checking import Problem
from crm_saas.imports.mapping import Guess
from crm_saas.imports.models import Import, ImportRow
from crm_saas.imports.plans import KeptPlan
from crm_saas.imports.schemas import ColumnLeftOut, ImportRowView, ImportView, Progress

_SAME = (
    "id", "filename", "format", "encoding", "delimiter", "size_bytes", "status", "headers",
    "sample", "failure", "created_at", "started_at", "finished_at", "expires_at",
)  # fmt: skip


def kept_plan(row: Import) -> KeptPlan | None:
    return None if row.plan is None else msgspec.convert(row.plan, KeptPlan)


def view_import(row: Import) -> ImportView:
    guessed = msgspec.convert(row.guessed, Guess)
    plan = kept_plan(row)
    return ImportView(
        **{name: getattr(row, name) for name in _SAME},
        dry_run=row.is_dry,
        mapping=plan.mapping if plan else guessed.mapping,
        left_out=_left_out(row, guessed, plan),
        upsert_by=plan.upsert_by if plan else guessed.upsert_by,
        plan=plan,
        progress=Progress(
            phase=row.phase,  # type: ignore[arg-type]
            rows_read=row.rows_read,
            rows_done=row.rows_done,
            rows_total=row.rows_total,
            counts=row.counts,
        ),
        has_result=row.has_result,
        created_by=row.starter.get("name", ""),
    )


def _left_out(row: Import, guessed: Guess, plan: KeptPlan | None) -> list[ColumnLeftOut]:
    reasons = guessed.left_out
    mapped = plan.mapping if plan else guessed.mapping
    return [
        ColumnLeftOut(column=header, reason=reasons.get(header, "it was left out of the mapping"))
        for header in row.headers
        if header not in mapped
    ]


def view_row(row: ImportRow) -> ImportRowView:
    return ImportRowView(
        row_number=row.row_number,
        outcome=row.outcome,  # type: ignore[arg-type]
        customer_id=row.customer_id,
        customer_number=row.customer_number,
        problems=msgspec.convert(row.problems or [], list[Problem]),
    )
