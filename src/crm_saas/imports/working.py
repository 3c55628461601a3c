"""The job of an import: reading, comparing, writing, reverting, in chunks.

Each chunk is a transaction with its checkpoint in it: whoever goes on after a crash begins where
the last commit ended, and two who go on at once wait for each other at the import's row. When the
first of them passes the work on, the other ends.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from crm_saas.custom.queries import load_fields
from crm_saas.customers.assignment import find_assignable
from crm_saas.imports import matching, reporting, reverting, staging, writing
from crm_saas.imports.checking import Checker
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.rows_of_file import RowsOfFile
from crm_saas.imports.runs import (
    Cancelled,
    Locked,
    Run,
    Superseded,
    end,
    end_cancelled,
    end_failed,
    repeat,
)
from crm_saas.imports.starters import MayNot
from crm_saas.kit.context import Context
from crm_saas.kit.files import FileMissing

# Then the job gives its place to others, and queues again.
SLICE_SECONDS = 60
# In one process: what a till waits for is done by the other places.
AT_ONCE_MAX = 2
_WAIT_SECONDS = 2

_running = 0


async def work(context: Context, import_id: UUID, turn: int = 0) -> None:
    """Goes on with an import until it is done, or for a while, or it is another job's turn."""
    run = await Run.of(context, import_id, turn)
    if run is not None:
        with suppress(Superseded):
            await _take_place(run)


async def _take_place(run: Run) -> None:
    global _running
    if _running >= AT_ONCE_MAX:
        await run.again(delay_seconds=_WAIT_SECONDS)
        return
    _running += 1
    try:
        await _work(run)
    finally:
        _running -= 1


async def _work(run: Run) -> None:
    until = time.monotonic() + SLICE_SECONDS
    try:
        phase = run.phase
        while phase is not None and time.monotonic() < until:
            phase = await _PHASES[phase](run, until)
    except Cancelled:
        await end_cancelled(run)
    except (UnreadableFile, FileMissing) as refusal:
        await end_failed(run, refusal.detail)
    except MayNot as refusal:
        await end_failed(run, str(refusal))
    else:
        if phase is not None:
            await run.again()


async def _read(run: Run, until: float) -> str | None:
    """The file's rows, checked, into `org_import_rows`."""

    async def forget(locked: Locked) -> bool:
        return locked.row.rows_read == 0 and await staging.forget_rows(
            locked.context, run.import_id
        )

    if not await repeat(run, forget, until):
        return "reading"
    async with run.chunk() as (context, row, plan):
        assignable = await find_assignable(context)
        fields = await load_fields(context)
    began = time.monotonic()
    rows = await RowsOfFile.fetch(run.base.settings, row, after=row.rows_read, ask=run.ask)
    # At least as long as it took to get here: it is all to be done again in the next slice.
    until = max(until, 2 * time.monotonic() - began)
    checker = Checker(run.base.tenant, rows.headers, plan, assignable, fields)

    async def step(locked: Locked) -> bool:
        context, row, _ = locked
        chunk = await asyncio.to_thread(rows.checked_after, row.rows_read, checker)
        if chunk.last is None:
            return False
        await staging.insert_rows(context, run.import_id, chunk.encoded)
        row.rows_read = chunk.last
        row.counts = dict(Counter(row.counts) + chunk.counts)
        return True

    try:
        if not await repeat(run, step, until):
            return "reading"
    finally:
        rows.close()
    return await _find_twins(run)


async def _find_twins(run: Run) -> str | None:
    async with run.chunk() as (context, row, plan):
        twins = await staging.refuse_twins(context, run.import_id, plan)
        row.counts = dict(Counter(row.counts) + Counter(refused=twins, duplicates=twins))
        # Only now may a run take the rows over: before, two of them may have one phone.
        row.rows_total = row.rows_read
        row.phase, row.rows_done = "comparing" if row.is_dry else "writing", 0
        return row.phase


async def _compare(run: Run, until: float) -> str | None:
    """What each row would do, without doing it."""

    async def step(locked: Locked) -> bool:
        context, row, plan = locked
        rows = await matching.next_rows(context, run.import_id, row.rows_done)
        if not rows:
            return False
        decisions = await matching.decide(context, plan, rows, lock=False)
        await writing.settle(context, [writing.foreseen(decision) for decision in decisions])
        row.rows_done = rows[-1].row_number
        return True

    if not await repeat(run, step, until):
        return "comparing"
    await end(run, "checked")
    return None


async def _write(run: Run, until: float) -> str | None:
    async def step(locked: Locked) -> bool:
        context, row, plan = locked
        rows = await matching.next_rows(context, run.import_id, row.rows_done)
        if not rows:
            row.phase = "reporting"
            return False
        decisions = await matching.decide(context, plan, rows, lock=True)
        await writing.write_chunk(context, run.import_id, plan, decisions)
        row.rows_done = rows[-1].row_number
        row.counts = dict(Counter(row.counts) + Counter(writing.outcome_of(d) for d in decisions))
        return True

    return "reporting" if await repeat(run, step, until) else "writing"


async def _revert(run: Run, until: float) -> str | None:
    async def step(locked: Locked) -> bool:
        context, row, _ = locked
        done = await reverting.revert_chunk(context, run.import_id)
        if not done:
            row.phase = "reporting"
            return False
        row.counts = dict(Counter(row.counts) + done)
        return True

    return "reporting" if await repeat(run, step, until) else "reverting"


async def _report(run: Run, _: float) -> str | None:
    async with run.chunk() as locked:
        reverted = locked.row.status == "reverting"
    rows = await RowsOfFile.fetch(run.base.settings, locked.row, ask=run.ask)
    try:
        await reporting.write_result(run.base, run.import_id, rows)
    finally:
        rows.close()
    await end(run, "reverted" if reverted else "done", has_result=True)
    return None


_PHASES: dict[str, Callable[[Run, float], Awaitable[str | None]]] = {
    "reading": _read,
    "comparing": _compare,
    "writing": _write,
    "reverting": _revert,
    "reporting": _report,
}
