"""The job that makes a file.

A file is made from the beginning, however often its worker dies: it is there whole under its name
or not at all, and a million rows take less time than telling which of them were written.
"""

import time
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Select, select, text, update

from crm_saas.custom.queries import load_fields
from crm_saas.exports.errors import TooManyForPaper
from crm_saas.exports.expiring import EXPIRE, expire_everywhere, expire_exports, forget_files
from crm_saas.exports.making import make_file
from crm_saas.exports.models import Export, Progress
from crm_saas.exports.queries import UNFINISHED, filter_of, find_holder
from crm_saas.exports.rows import count_rows
from crm_saas.exports.service import (
    JOB,
    begin_export,
    end_export,
    name_of,
    refuse_paper_of_many,
)
from crm_saas.kit.context import Context, renewed
from crm_saas.kit.errors import TooLarge
from crm_saas.kit.files import Files
from crm_saas.kit.jobs import Job, PeriodicJob

ATTEMPTS_MAX = 3
SECONDS_MAX = 3500  # a stream's connection is lent for an hour
FILE_BYTES_MAX = 10 * 1024**3
NOTE_SECONDS = 1.0
_LOST_RIGHT = (
    "Who asked for it may not see as much any longer. Ask for it again, as somebody who may."
)


class Ended(Exception):
    """The export was cancelled while it ran, or begun again by another worker."""


async def make_export(context: Context, export_id: UUID) -> None:
    export = await _locked(context, export_id)
    if export is None or export.status not in UNFINISHED:
        return
    if export.attempts >= ATTEMPTS_MAX:
        await end_export(context, export, "failed", failure="It was tried as often as it may be.")
        return
    acting = await _as_requester(context, export)
    if acting is None:
        await end_export(context, export, "failed", failure=_LOST_RIGHT)
        return
    await begin_export(context, export)
    # The job's own transaction ends here: none may wait idly for as long as a file takes.
    await context.session.commit()
    run = _Run(acting, export)
    try:
        await run.make()
    except Ended:
        await run.files.delete(run.name)
    except (TooLarge, TooManyForPaper) as error:
        await run.end("failed", failure=error.detail)


class _Run:
    """One attempt, in short transactions of its own beside the stream of rows."""

    def __init__(self, context: Context, export: Export) -> None:
        self._context = context
        self._export_id = export.id
        self._attempt = export.attempts
        self._format = export.format
        self._wanted = filter_of(export)
        self._rows = 0
        self._noted_at = time.monotonic()
        self.files = Files.from_settings(context.settings)
        self.name = name_of(context.tenant.id, export.id, export.attempts)

    async def make(self) -> None:
        await self._estimate()
        made = make_file(
            self._context,
            self._wanted,
            self._format,  # type: ignore[arg-type]
            note=self._note,
            timeout_seconds=SECONDS_MAX,
        )
        async with aclosing(made) as contents:
            size = await self.files.write(self.name, contents, bytes_max=FILE_BYTES_MAX)
        await self._save(rows_done=self._rows)
        if not await self.end("ready", file_bytes=size):
            await self.files.delete(self.name)

    async def end(self, status: str, *, file_bytes: int | None = None, failure: str = "") -> bool:
        """Whether it still ran: it may have been cancelled at this moment, or begun again by
        another worker."""
        async with renewed(self._context) as context:
            export = await _locked(context, self._export_id)
            if export is None or (export.status, export.attempts) != ("running", self._attempt):
                return False
            await end_export(
                context, export, status, file_bytes=file_bytes, failure=failure or None
            )
            return True

    async def _estimate(self) -> None:
        async with renewed(self._context) as context:
            await load_fields(context)
            await refuse_paper_of_many(context, self._wanted, self._format)  # type: ignore[arg-type]
            await context.session.execute(text(f"set local statement_timeout = '{SECONDS_MAX}s'"))
            estimated = await count_rows(context, self._wanted)
        await self._save(rows_done=0, rows_estimated=estimated)

    async def _note(self, rows: int) -> None:
        """Raises Ended."""
        self._rows += rows
        if time.monotonic() - self._noted_at < NOTE_SECONDS:
            return
        self._noted_at = time.monotonic()
        await self._save(rows_done=self._rows)
        async with renewed(self._context) as context:
            found = await context.session.execute(_state(context, self._export_id))
            if found.one_or_none() != ("running", self._attempt):
                raise Ended

    async def _save(self, **values: int) -> None:
        async with renewed(self._context) as context:
            tenant_id = context.tenant.id
            await context.session.execute(
                update(Progress)
                .where(Progress.tenant_org_id == tenant_id, Progress.id == self._export_id)
                .values(**values)
            )


async def _as_requester(context: Context, export: Export) -> Context | None:
    """The job's context with the eyes that whoever asked had then; none when they see less now."""
    holder = await find_holder(
        context, export, kind=export.requested_by_kind, actor_id=export.requested_by
    )
    if holder is None:
        return None
    actor = replace(
        holder,
        kind=context.actor.kind,
        name=f"{context.actor.name} for {export.requested_by_name}",
        permissions=frozenset(export.permissions),
        staff_scope=export.staff_scope,  # type: ignore[arg-type]
        member_id=export.member_id,
        team_ids=tuple(export.team_ids),
    )
    return replace(context, actor=actor)


async def _locked(context: Context, export_id: UUID) -> Export | None:
    export: Export | None = await context.session.scalar(
        select(Export)
        .where(Export.tenant_org_id == context.tenant.id, Export.id == export_id)
        .with_for_update()
    )
    return export


def _state(context: Context, export_id: UUID) -> Select[str, int]:
    return select(Export.status, Export.attempts).where(
        Export.tenant_org_id == context.tenant.id, Export.id == export_id
    )


JOBS = (
    Job(name=JOB, function=make_export, retries=ATTEMPTS_MAX, timeout_seconds=SECONDS_MAX),
    Job(name=EXPIRE, function=expire_exports, timeout_seconds=600, own_transactions=True),
)
PERIODIC_JOBS = (
    PeriodicJob(name="exports.expire_everywhere", cron="*/10 * * * *", function=expire_everywhere),
    PeriodicJob(name="exports.forget_files", cron="17 2 * * *", function=forget_files),
)
