"""Sweeps as their owner sees them: started, looked at, cancelled (SPEC 5.1)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from crm_saas.customers.comparing import noted_before, noted_since
from crm_saas.kit.context import Context
from crm_saas.kit.errors import NotFound
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.kit.jobs import enqueue
from crm_saas.kit.paging import Page, cut_page, read_cursor
from crm_saas.merges.errors import SweepOver, SweepRunning
from crm_saas.merges.models import SWEEPS, Sweep

JOB = "merges.sweep"
# Behind the jobs of requests, and before what is done once a night.
PRIORITY = -8
# What was noted shortly before a sweep began may have been changed after it was read.
CERTAIN_AFTER = timedelta(minutes=1)
_UNWANTED = timedelta(days=1)
# A till never rests as an import does when it is done.
_WAITED_MAX = timedelta(minutes=15)


async def start_sweep(context: Context) -> Sweep:
    """Raises SweepRunning: a tenant has one at a time."""
    sweep = Sweep(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        status="running",
        started_at=datetime.now(UTC),
        started_by=context.actor.id,
        started_by_name=context.actor.name,
        step=0,
        customers=0,
        compared=0,
        found=0,
        dropped=0,
        left_out={},
    )
    running = await find_running(context)
    if running is not None:
        raise SweepRunning(f"Wait for the sweep {running.id}, or cancel it.")
    context.session.add(sweep)
    try:
        await context.session.flush()
    except IntegrityError as error:
        raise SweepRunning("Another sweep was started just now.") from error
    await record(
        context, "duplicates.sweep_started", subject=(SWEEPS, sweep.id), after={"status": "running"}
    )
    await enqueue(context, JOB, {}, priority=PRIORITY)
    return sweep


async def find_running(context: Context) -> Sweep | None:
    found: Sweep | None = await context.session.scalar(
        select(Sweep).where(Sweep.tenant_org_id == context.tenant.id, Sweep.status == "running")
    )
    return found


async def replaces(context: Context) -> bool:
    """Whether a sweep compares the many that wait; starts one when no more of them come, or when
    some have waited long.

    Not within a day of one that was cancelled: whoever did that did not want it.
    """
    if await find_running(context) is not None:
        return True
    now = datetime.now(UTC)
    unwanted = await context.session.scalar(
        select(Sweep.id)
        .where(
            Sweep.tenant_org_id == context.tenant.id,
            Sweep.status == "cancelled",
            Sweep.ended_at > now - _UNWANTED,
        )
        .limit(1)
    )
    if unwanted is not None:
        return False
    # What comes in now would be left out, and wait for the next one.
    is_over = not await noted_since(context, now - CERTAIN_AFTER)
    if is_over or await noted_before(context, now - _WAITED_MAX):
        await start_sweep(context)
    return True


async def access_sweep(context: Context, sweep_id: UUID, *, lock: bool = False) -> Sweep:
    """Raises NotFound, the same one for another tenant's and unknown."""
    query = select(Sweep).where(Sweep.tenant_org_id == context.tenant.id, Sweep.id == sweep_id)
    sweep: Sweep | None = await context.session.scalar(query.with_for_update() if lock else query)
    if sweep is None:
        raise NotFound("There is no sweep with this id.")
    return sweep


async def list_sweeps(context: Context, *, limit: int, cursor: str | None) -> Page[Sweep]:
    """The newest first."""
    question = {"list": "sweeps"}
    query = select(Sweep).where(Sweep.tenant_org_id == context.tenant.id)
    if cursor is not None:
        (last,) = read_cursor(context, question, cursor, tuple[UUID])
        query = query.where(Sweep.id < last)
    found = await context.session.scalars(query.order_by(Sweep.id.desc()).limit(limit + 1))
    return cut_page(context, question, found, limit, lambda sweep: [sweep.id])


async def cancel_sweep(context: Context, sweep_id: UUID) -> Sweep:
    """It stops within a moment; what it found stays. Raises NotFound, SweepOver."""
    sweep = await access_sweep(context, sweep_id, lock=True)
    if sweep.status == "cancelled":
        return sweep
    if sweep.status != "running":
        raise SweepOver("It has ended; dismiss what it found instead.")
    sweep.status, sweep.ended_at = "cancelled", datetime.now(UTC)
    await context.session.flush()
    await record(
        context,
        "duplicates.sweep_cancelled",
        subject=(SWEEPS, sweep.id),
        before={"status": "running"},
        after={"status": "cancelled"},
    )
    return sweep
