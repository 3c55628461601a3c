"""What may be asked of an import. The work itself is a job's (working.py)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from crm_saas.custom.queries import load_fields
from crm_saas.imports.errors import ImportBusy, ImportExpired
from crm_saas.imports.mapping import Guess, check_mapping
from crm_saas.imports.models import TABLE, Import
from crm_saas.imports.plans import KeptPlan, Plan
from crm_saas.imports.queries import access_import
from crm_saas.imports.retention import BUSY, expiry
from crm_saas.imports.starters import needed, note_starter
from crm_saas.imports.views import kept_plan
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.kit.jobs import enqueue

JOB = "imports.work"
LOCK = "imports"


async def start(context: Context, import_id: UUID, sent: Plan, *, is_dry: bool) -> Import:
    """The dry run, or the run. What a dry run checked for the same plan is not checked again.

    Raises ImportNotFound, ImportBusy, ImportExpired, InvalidInput, Forbidden.
    """
    row = await access_import(context, import_id, lock=True)
    _require_file(row)
    may_begin = {"uploaded", "checked", "cancelled", "failed"}
    if row.status not in may_begin:
        raise ImportBusy(f"The import is `{row.status}`. {_ADVICE.get(row.status, '')}".strip())
    plan = await _decide(context, row, sent)
    for permission in needed(plan):
        context.actor.require(permission)
    if row.counts.get("created", 0) + row.counts.get("updated", 0):
        _require_same(row, plan, is_dry=is_dry)
    phase = _first_phase(row, plan, is_dry=is_dry)
    if phase == "reading":
        row.rows_read, row.rows_total, row.counts = 0, None, {}
    row.plan = msgspec.to_builtins(plan)
    row.starter = note_starter(context)
    row.status, row.is_dry = "checking" if is_dry else "running", is_dry
    row.phase, row.rows_done, row.failure, row.cancelling = phase, 0, None, False
    row.started_at, row.finished_at = datetime.now(UTC), None
    row.expires_at = expiry(row.status)
    await _begin(context, row, "import.started", after={"dryRun": is_dry, "plan": row.plan})
    return row


_ADVICE = {
    "done": "It was run already; revert it, or upload the file again.",
    "reverted": "Upload the file again to import it anew.",
}


async def _decide(context: Context, row: Import, sent: Plan) -> KeptPlan:
    """What was sent, and the guesses for what was not."""
    guessed = msgspec.convert(row.guessed, Guess)
    upsert_by = sent.upsert_by or guessed.upsert_by
    fields = await load_fields(context)
    mapping = check_mapping(row.headers, sent.mapping or guessed.mapping, upsert_by, fields)
    return KeptPlan(mapping, upsert_by, sent.mode, sent.empty_cells, sent.dates)


def _first_phase(row: Import, plan: KeptPlan, *, is_dry: bool) -> str:
    """Rows that were checked for this very plan are taken over; `rows_total` says that all are."""
    if row.rows_total is None or kept_plan(row) != plan:
        return "reading"
    return "comparing" if is_dry else "writing"


def _require_same(row: Import, plan: KeptPlan, *, is_dry: bool) -> None:
    """A run that ended half-way goes on as it began, or is reverted."""
    if is_dry or kept_plan(row) != plan:
        raise ImportBusy(
            "Part of this import is done. Run it again with the same plan, revert it, or upload "
            "the file again."
        )


async def cancel(context: Context, import_id: UUID) -> Import:
    """Between two chunks; what is done stays, and can be reverted. Raises ImportBusy."""
    row = await access_import(context, import_id, lock=True)
    if row.status not in BUSY:
        raise ImportBusy(f"The import is `{row.status}`: there is nothing to cancel.")
    if not row.cancelling:
        row.cancelling = True
        await context.session.flush()
        await context.session.refresh(row)
        await record(context, "import.cancelling", subject=(TABLE, row.id))
        # Where no job is left that would see it, or the one that is waits for others. Of the same
        # turn: whoever comes first ends it, and a run after that has another.
        await enqueue(context, JOB, {"import_id": row.id, "turn": row.turn}, priority=-5)
    return row


async def revert(context: Context, import_id: UUID) -> Import:
    """Takes back what the import did to customers whom nobody has touched since.

    Raises ImportNotFound, ImportBusy, ImportExpired.
    """
    row = await access_import(context, import_id, lock=True)
    _require_file(row)
    if row.is_dry or row.status not in {"done", "cancelled", "failed"} or row.phase:
        raise ImportBusy(f"The import is `{row.status}`: there is nothing to revert.")
    row.starter = note_starter(context)
    row.status, row.phase, row.rows_done, row.failure = "reverting", "reverting", 0, None
    row.cancelling, row.finished_at = False, None
    await _begin(context, row, "import.reverting")
    return row


def _require_file(row: Import) -> None:
    if not row.has_file:
        raise ImportExpired("Its file and rows are gone. Upload the file again.")


async def _begin(
    context: Context, row: Import, kind: str, *, after: dict[str, Any] | None = None
) -> None:
    await pass_on(context, row)
    await context.session.refresh(row)
    await record(context, kind, subject=(TABLE, row.id), after=after)


async def pass_on(context: Context, row: Import, *, delay_seconds: int = 0) -> None:
    """To a new job, whose turn it is alone: one that is about still, or comes twice, ends.

    Of a tenant's imports one is worked on at a time, so that nobody's files are everybody's wait.
    """
    row.turn += 1
    await context.session.flush()
    await enqueue(
        context,
        JOB,
        {"import_id": row.id, "turn": row.turn},
        delay_seconds=delay_seconds,
        priority=-5,
        lock=LOCK,
    )
