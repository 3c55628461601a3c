"""The job that makes a file, and the one that takes it away again.

A file is made from the beginning, however often its worker dies: it is there whole under its name
or not at all, and a million rows take less time than telling which of them were written.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    and_,
    cast,
    delete,
    func,
    or_,
    select,
    text,
    update,
)

from crm_saas.custom.queries import load_fields
from crm_saas.exports.errors import TooManyForPaper
from crm_saas.exports.making import make_file
from crm_saas.exports.models import EXPORTS, Export, Progress
from crm_saas.exports.queries import UNFINISHED, filter_of
from crm_saas.exports.rows import count_rows
from crm_saas.exports.service import (
    JOB,
    begin_export,
    end_export,
    name_of,
    refuse_paper_of_many,
)
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.db import Database
from crm_saas.kit.errors import TooLarge
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.jobs import Job, PeriodicJob, enqueue_for_tenants

ATTEMPTS_MAX = 3
SECONDS_MAX = 3500  # a stream's connection is lent for an hour
FILE_BYTES_MAX = 10 * 1024**3
NOTE_SECONDS = 1.0
EXPIRE_AT_ONCE = 100
# Without an end after so long: its job is gone, as after the restore of an archive.
LOST_AFTER = "1 day"
FORGOTTEN_AFTER = "30 days"


class Ended(Exception):
    """The export was cancelled while it ran."""


async def make_export(context: Context, export_id: UUID) -> None:
    export = await _locked(context, export_id)
    if export is None or export.status not in UNFINISHED:
        return
    if export.attempts >= ATTEMPTS_MAX:
        await end_export(context, export, "failed", failure="It was tried as often as it may be.")
        return
    await begin_export(context, export)
    # The job's own transaction ends here: none may wait idly for as long as a file takes.
    await context.session.commit()
    run = _Run(_as_requested(context, export), export)
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
        self._format = export.format
        self._wanted = filter_of(export)
        self._rows = 0
        self._noted_at = time.monotonic()
        self.files = Files.from_settings(context.settings)
        self.name = name_of(context, export)

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
        """Whether it still ran: it may have been cancelled at this moment."""
        async with self._transaction() as context:
            export = await _locked(context, self._export_id)
            if export is None or export.status != "running":
                return False
            await end_export(
                context, export, status, file_bytes=file_bytes, failure=failure or None
            )
            return True

    async def _estimate(self) -> None:
        async with self._transaction() as context:
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
        async with self._transaction() as context:
            if await context.session.scalar(_status(context, self._export_id)) != "running":
                raise Ended

    async def _save(self, **values: int) -> None:
        async with self._transaction() as context:
            tenant_id = context.tenant.id
            await context.session.execute(
                update(Progress)
                .where(Progress.tenant_org_id == tenant_id, Progress.id == self._export_id)
                .values(**values)
            )

    def _transaction(self) -> AbstractAsyncContextManager[Context]:
        return _transaction(self._context)


@asynccontextmanager
async def _transaction(context: Context) -> AsyncIterator[Context]:
    async with context.database.transaction(context.scope) as session:
        yield replace(context, session=session)


def _as_requested(context: Context, export: Export) -> Context:
    """The job's context with the eyes of whoever asked, as they were then."""
    actor = Actor(
        kind=context.actor.kind,
        id=export.requested_by,
        name=f"{context.actor.name} for {export.requested_by_name}",
        role=export.requested_by_role,
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


def _status(context: Context, export_id: UUID) -> Select[str]:
    return select(Export.status).where(
        Export.tenant_org_id == context.tenant.id, Export.id == export_id
    )


async def expire_exports(context: Context) -> None:
    """Files whose time is over go, and what never ended is called failed."""
    files = Files.from_settings(context.settings)
    overdue = await context.session.scalars(
        select(Export)
        .where(
            Export.tenant_org_id == context.tenant.id,
            _is_over(),
        )
        .order_by(Export.id)
        .limit(EXPIRE_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for export in list(overdue):
        await files.delete(name_of(context, export))
        if export.status == "ready":
            await end_export(context, export, "expired")
        else:
            await end_export(context, export, "failed", failure="It did not end within a day.")

    await _forget_ended(context)


async def _forget_ended(context: Context) -> None:
    """What was asked for long ago: the trail keeps it, and a list need not."""
    ended = await context.session.scalars(
        select(Export.id)
        .where(Export.tenant_org_id == context.tenant.id, _is_forgotten())
        .order_by(Export.id)
        .limit(EXPIRE_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    if ids := list(ended):
        await context.session.execute(
            delete(Export).where(Export.tenant_org_id == context.tenant.id, Export.id.in_(ids))
        )
        await record(context, "exports.forgotten", subject=(EXPORTS, None), rows={EXPORTS: ids})


async def expire_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        found = await session.scalars(
            select(Export.tenant_org_id)
            .where(or_(_is_over(), _is_forgotten()))
            .distinct()
            .order_by(Export.tenant_org_id)
        )
        await enqueue_for_tenants(session, list(found), "exports.expire")
    await Files.from_settings(platform.settings).forget_abandoned()


def _is_over() -> ColumnElement[bool]:
    """By the database's clock: a worker's own may run an hour ahead."""
    return or_(
        and_(Export.status == "ready", Export.expires_at <= func.now()),
        and_(
            Export.status.in_(UNFINISHED),
            Export.created_at < func.now() - cast(LOST_AFTER, Interval),
        ),
    )


def _is_forgotten() -> ColumnElement[bool]:
    return Export.status.in_(("failed", "cancelled", "expired")) & (
        Export.finished_at < func.now() - cast(FORGOTTEN_AFTER, Interval)
    )


JOBS = (
    Job(name=JOB, function=make_export, retries=ATTEMPTS_MAX, timeout_seconds=SECONDS_MAX),
    Job(name="exports.expire", function=expire_exports),
)
PERIODIC_JOBS = (
    PeriodicJob(name="exports.expire_everywhere", cron="*/10 * * * *", function=expire_everywhere),
)
