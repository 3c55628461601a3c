"""The frame of an import's work: its transactions, their repetition, and its end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm_saas.imports import staging
from crm_saas.imports.errors import ImportNotFound
from crm_saas.imports.models import TABLE, Import
from crm_saas.imports.origins import DIFFERS
from crm_saas.imports.plans import KeptPlan
from crm_saas.imports.queries import access_import
from crm_saas.imports.retention import BUSY, expiry
from crm_saas.imports.service import pass_on
from crm_saas.imports.starters import as_starter, starter_of
from crm_saas.imports.views import kept_plan
from crm_saas.kit.context import Context, renewed
from crm_saas.kit.events import record
from crm_saas.kit.problems import RETRYABLE

_ATTEMPTS_MAX = 8
# Locks that somebody holds longer than the limit, and keys that somebody took meanwhile.
_AGAIN = RETRYABLE | {"55P03", "23505"}


class Cancelled(Exception):
    """Somebody wants no more of it."""


class Superseded(Exception):
    """It is another job's turn, or the work is over."""


class Locked(NamedTuple):
    context: Context
    row: Import
    plan: KeptPlan


@dataclass(frozen=True)
class Run:
    """One job's turn at an import."""

    base: Context
    import_id: UUID
    turn: int
    phase: str | None

    @classmethod
    async def of(cls, context: Context, import_id: UUID, turn: int) -> "Run | None":
        async with renewed(context) as asking:
            try:
                row = await access_import(asking, import_id)
            except ImportNotFound:
                return None
        if row.status not in BUSY or row.turn != turn:
            return None
        starter = starter_of(row)
        base = replace(context, request_id=starter.request_id, address=starter.address)
        return cls(base, import_id, turn, row.phase)

    @asynccontextmanager
    async def row(self) -> AsyncIterator[tuple[Context, Import]]:
        """A transaction that has the import's row to itself. Raises Superseded."""
        async with renewed(self.base) as context:
            row = await access_import(context, self.import_id, lock=True)
            if row.status not in BUSY or row.turn != self.turn:
                raise Superseded
            yield context, row

    @asynccontextmanager
    async def chunk(self) -> AsyncIterator[Locked]:
        """The same as its starter's work: their name in the trail, their scope on the customers.

        Raises Superseded, Cancelled and MayNot.
        """
        async with self.row() as (context, row):
            if row.cancelling:
                raise Cancelled
            plan = kept_plan(row)
            assert plan is not None
            yield Locked(await as_starter(context, row, plan), row, plan)

    async def ask(self) -> None:
        """Whether it is to go on. Raises what `chunk` does."""
        async with self.chunk():
            pass

    async def again(self, delay_seconds: int = 0) -> None:
        async with self.row() as (context, row):
            await pass_on(context, row, delay_seconds=delay_seconds)


Step = Callable[[Locked], Awaitable[bool]]


async def repeat(run: Run, step: Step, until: float) -> bool:
    """Chunk by chunk; true when there is nothing left. What clashed with others is done again."""
    attempts = 0
    while time.monotonic() < until:
        try:
            async with run.chunk() as locked:
                if not await step(locked):
                    return True
            attempts = 0
        except DBAPIError as error:
            attempts += 1
            if getattr(error.orig, "sqlstate", None) not in _AGAIN or attempts == _ATTEMPTS_MAX:
                raise
            await asyncio.sleep(0.05 * 2**attempts)
    return False


async def end_cancelled(run: Run) -> None:
    status = {"checking": "uploaded", "running": "cancelled", "reverting": "cancelled"}
    async with run.row() as (context, row):
        await _finish(context, row, status[row.status])


async def end_failed(run: Run, failure: str) -> None:
    async with run.row() as (context, row):
        row.failure = failure
        await _finish(context, row, "failed")


async def end(run: Run, status: str, *, has_result: bool = False) -> None:
    async with run.chunk() as (context, row, _):
        row.has_result = row.has_result or has_result
        await _finish(context, row, status)


async def give_up(context: Context, row: Import) -> None:
    """Of work that no job does any more."""
    row.failure = (
        "Something went wrong on our side, again and again. What is done stays and can be "
        "reverted; upload the file again to import the rest."
    )
    await _finish(context, row, "failed")


async def _finish(context: Context, row: Import, status: str) -> None:
    row.status, row.phase, row.cancelling = status, None, False
    row.finished_at, row.expires_at = datetime.now(UTC), expiry(status)
    if row.rows_total is not None:
        row.counts = await _count(context, row)
    await context.session.flush()
    await record(
        context,
        _KINDS.get(status, "import.finished"),
        subject=(TABLE, row.id),
        after={"status": status, "counts": row.counts, "failure": row.failure},
    )


_DIFFERING = f'[{{"code": "{DIFFERS}"}}]'
_KINDS = {
    "failed": "import.failed",
    "cancelled": "import.cancelled",
    "reverted": "import.reverted",
}


async def _count(context: Context, row: Import) -> dict[str, int]:
    """By outcome, from the rows themselves."""
    await context.session.execute(text(f"set local statement_timeout = '{staging.SLOW_SECONDS}s'"))
    counted = await context.session.execute(
        text(
            "select r.outcome, count(*) as rows, count(*) filter ("
            "    where r.problems @> cast(:differing as jsonb)"
            ") as differing"
            " from org_import_rows r"
            " where r.tenant_org_id = :tenant and r.import_id = :import group by r.outcome"
        ),
        {"tenant": context.tenant.id, "import": row.id, "differing": _DIFFERING},
    )
    outcomes = counted.all()
    found: dict[str, int] = {outcome.outcome: outcome.rows for outcome in outcomes}
    if differing := sum(outcome.differing for outcome in outcomes):
        found["differing"] = differing
    return found | {k: v for k, v in row.counts.items() if k == "duplicates"}
