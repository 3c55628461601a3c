"""Exports asked for, cancelled, finished and expired; each act is in the trail."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from crm_saas.custom.queries import load_fields
from crm_saas.customers.filters import CustomerFilter, conditions
from crm_saas.exports.columns import Format
from crm_saas.exports.errors import (
    ExportEnded,
    ExportTooLarge,
    TooManyExports,
    TooManyForPaper,
)
from crm_saas.exports.making import make_file
from crm_saas.exports.models import EXPORTS, Export, Progress
from crm_saas.exports.queries import UNFINISHED, Shown, access_export, count_unfinished
from crm_saas.exports.rows import count_rows
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.kit.files import file_name
from crm_saas.kit.ids import new_id
from crm_saas.kit.jobs import enqueue
from crm_saas.kit.locks import take_turn
from crm_saas.kit.problems import within
from crm_saas.kit.streams import begun

ROOM = "exports"
JOB = "exports.make"
# A sheet of so many rows takes some seconds; longer nobody should wait for an answer.
SHEET_ROWS_MAX = 10_000
PAPER_ROWS_MAX = 2_000
UNFINISHED_MAX = 5
KEPT = timedelta(hours=24)
# What decides what a file holds.
_DECIDING = frozenset({"customers:export", "customers:unmask", "addresses:read"})


async def open_export(
    context: Context,
    wanted: CustomerFilter,
    file_format: Format,
    *,
    let_go: Callable[[], Awaitable[None]],
) -> AsyncIterator[bytes]:
    """Records the export in the request's transaction and opens a stream with its own.

    The first chunk is fetched here, so that what fails fails before the answer begins; that may
    mean to wait for a turn, or for a filter that reads everybody, so the request's transaction is
    let go before: it may not idle for so long. Raises ExportTooLarge and TooManyForPaper.
    """
    await load_fields(context)
    conditions(context, wanted)  # refused before anything is recorded
    await refuse_paper_of_many(context, wanted, file_format)
    if (
        file_format == "xlsx"
        and await count_rows(context, wanted, cap=SHEET_ROWS_MAX) > SHEET_ROWS_MAX
    ):
        raise ExportTooLarge(
            f"A workbook is made at once for up to {SHEET_ROWS_MAX:,} customers. "
            "Ask for it with POST /api/v1/exports, or for CSV."
        )
    await record(
        context,
        "customers.exported",
        subject=("org_customers_mst", None),
        after={"format": file_format, "filter": wanted.asked()},
    )
    stream = make_file(context, wanted, file_format)
    context.closing.push_async_callback(stream.aclose)
    await let_go()
    return await begun(stream)


async def request_export(context: Context, *, file_format: Format, wanted: CustomerFilter) -> Shown:
    """Leaves the work to a job. Raises InvalidInput, TooManyForPaper and TooManyExports."""
    await load_fields(context)
    with within("filter"):
        conditions(context, wanted)
    await refuse_paper_of_many(context, wanted, file_format)
    await take_turn(context, ROOM)
    if await count_unfinished(context) >= UNFINISHED_MAX:
        raise TooManyExports(
            f"{UNFINISHED_MAX} exports wait or run already. Wait for one, or cancel one."
        )
    actor = context.actor
    export = Export(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        format=file_format,
        filter=msgspec.to_builtins(wanted),
        status="waiting",
        requested_by=actor.id,
        requested_by_kind=actor.kind,
        requested_by_name=actor.name,
        requested_by_role=actor.role,
        permissions=sorted(_DECIDING & actor.permissions),
        staff_scope=actor.staff_scope,
        member_id=actor.member_id,
        team_ids=list(actor.team_ids),
    )
    context.session.add(export)
    await context.session.flush()
    progress = Progress(tenant_org_id=context.tenant.id, id=export.id, rows_done=0)
    context.session.add(progress)
    await record(
        context,
        "export.requested",
        subject=(EXPORTS, export.id),
        after={"format": file_format, "filter": wanted.asked()},
    )
    # One at a time for each tenant, so that nobody's exports are everybody's wait.
    await enqueue(context, JOB, {"export_id": export.id}, priority=-5, lock=ROOM)
    await context.session.refresh(export)
    return Shown(export, progress)


async def refuse_paper_of_many(
    context: Context, wanted: CustomerFilter, file_format: Format
) -> None:
    """Raises TooManyForPaper."""
    if (
        file_format == "pdf"
        and await count_rows(context, wanted, cap=PAPER_ROWS_MAX) > PAPER_ROWS_MAX
    ):
        raise TooManyForPaper(
            f"A PDF has up to {PAPER_ROWS_MAX:,} customers. Narrow the filter, or ask for CSV."
        )


async def cancel_export(context: Context, export_id: UUID) -> Shown:
    """Raises ExportNotFound and ExportEnded. What runs stops within a second or two."""
    shown = await access_export(context, export_id, lock=True)
    if shown.export.status not in UNFINISHED:
        raise ExportEnded(f"The export is {shown.export.status}.")
    await end_export(context, shown.export, "cancelled")
    return shown


async def note_download(context: Context, export: Export, **details: Any) -> None:
    await record(context, "export.downloaded", subject=(EXPORTS, export.id), after=details)


async def begin_export(context: Context, export: Export) -> None:
    before = export.status
    export.status = "running"
    export.attempts += 1
    export.started_at = datetime.now(UTC)
    await context.session.flush()
    await record(
        context,
        "export.begun",
        subject=(EXPORTS, export.id),
        before={"status": before},
        after={"status": "running", "attempt": export.attempts},
    )


async def end_export(
    context: Context,
    export: Export,
    status: str,
    *,
    file_bytes: int | None = None,
    failure: str | None = None,
) -> None:
    """`ready`, `failed`, `cancelled` or, of one that was ready, `expired`."""
    before, export.status = export.status, status
    if status == "ready":
        export.file_bytes, export.expires_at = file_bytes, datetime.now(UTC) + KEPT
    if status != "expired":
        export.failure, export.finished_at = failure, datetime.now(UTC)
    await context.session.flush()
    await record(
        context,
        f"export.{status}",
        subject=(EXPORTS, export.id),
        before={"status": before},
        after={"status": status, "fileBytes": export.file_bytes, "failure": export.failure},
    )


def name_of(tenant_id: UUID, export_id: UUID, attempts: int) -> str:
    """Each attempt has a file: a worker that was thought dead writes, and removes, its own."""
    return file_name(tenant_id, ROOM, uuid5(export_id, str(attempts)))
