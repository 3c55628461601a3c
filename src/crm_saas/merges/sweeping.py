"""A sweep: all of a tenant's customers compared, a step at a time (SPEC 5.1).

A step reads in the transaction of its job, and writes what it finds in short ones of their own:
a suggestion locks its two customers against changes until it is committed. Whatever happens to the
worker, what was found stays, and the step that it died in is done again to the same end.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.customers.comparing import forget_noted
from crm_saas.customers.similarity import NameCounts, Suggestion
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.merges.blocking import CUSTOMERS_A_SLICE, KINDS, Kind, Pairing, pairs_of
from crm_saas.merges.keeping import Pair, count_new, drop_suggestions, keep_pairs, settled_again
from crm_saas.merges.models import DUPLICATES, SWEEPS, Duplicate, Sweep
from crm_saas.merges.names import count_names, counted_names
from crm_saas.merges.profiles import profiles_of
from crm_saas.merges.scoring import Batch, Scorer, scoring
from crm_saas.merges.sweeps import CERTAIN_AFTER

# Open suggestions of a tenant; a queue of more is looked through by nobody.
OPEN_MAX = 200_000
PAIRS_AT_ONCE = 5000
WRITTEN_AT_ONCE = 500

_PATIENCE = (
    text("set local statement_timeout = '10min'"),
    text("set local idle_in_transaction_session_timeout = '10min'"),
    text("set local work_mem = '64MB'"),
)


class SweepEnded(Exception):
    """It was cancelled while it ran, or done by another worker."""


async def be_patient(session: AsyncSession) -> None:
    """For this transaction: it reads a whole tenant, and computes in between."""
    for setting in _PATIENCE:
        await session.execute(setting)


async def take_step(context: Context, sweep: Sweep) -> bool:
    """Takes the next step of the sweep; returns whether there is another."""
    await be_patient(context.session)
    if sweep.steps is None:
        await _begin(context, sweep)
        return True
    work = sweep.step - 1
    slices = (sweep.steps - 2) // len(KINDS)
    if work < slices * len(KINDS):
        kind, part = KINDS[work // slices], work % slices
        await _compare_slice(context, sweep, kind, part, slices)
        return True
    await _end(context, sweep)
    return False


async def _begin(context: Context, sweep: Sweep) -> None:
    counts = await count_names(context)
    slices = 1 + counts.customers // CUSTOMERS_A_SLICE
    steps = 2 + slices * len(KINDS)
    await _advance(context.session, sweep, steps=steps, customers=counts.customers)


@dataclass
class Step:
    """What a slice is worked on with, and what came of it."""

    context: Context
    sweep: Sweep
    scorer: Scorer
    room: int
    compared: int = 0
    found: int = 0
    dropped: int = 0
    left_out: int = 0


async def _compare_slice(
    context: Context, sweep: Sweep, kind: Kind, part: int, slices: int
) -> None:
    counts = await counted_names(context)
    pairing = Pairing(kind, counts)
    async with _step(context, sweep, counts) as step:
        found: dict[Pair, Suggestion] = {}
        async for likely in _scored(step, _pairs(context, pairing, part, slices)):
            found |= likely
            if len(found) >= WRITTEN_AT_ONCE:
                await _keep(step, found)
                found = {}
        await _keep(step, found)
    async with context.aside() as session:
        await _advance(
            session,
            sweep,
            compared=sweep.compared + step.compared,
            found=sweep.found + step.found,
            left_out=_with_left_out(sweep, pairing, step.left_out),
        )


@asynccontextmanager
async def _step(context: Context, sweep: Sweep, counts: NameCounts) -> AsyncIterator[Step]:
    there = select(Duplicate.id).where(
        Duplicate.tenant_org_id == context.tenant.id, Duplicate.status == "open"
    )
    counted = await context.session.scalar(
        select(func.count()).select_from(there.limit(OPEN_MAX).subquery())
    )
    async with scoring(counts) as scorer:
        yield Step(context, sweep, scorer, room=OPEN_MAX - (counted or 0))


async def _pairs(
    context: Context, pairing: Pairing, part: int, slices: int
) -> AsyncIterator[list[Pair]]:
    """Some thousands at a time. Who shares two words of a name comes twice in one kind."""
    gathered: set[Pair] = set()
    blocks = await context.session.stream(
        pairing.kind.query(), {"tenant": context.tenant.id, "slices": slices, "slice": part}
    )
    async for ids, hints in blocks:
        for pair in await pairs_of(pairing, ids, hints):
            gathered.add(pair)
            if len(gathered) >= PAIRS_AT_ONCE:
                yield sorted(gathered)
                gathered = set()
    if gathered:
        yield sorted(gathered)


async def _scored(
    step: Step, batches: AsyncIterator[list[Pair]]
) -> AsyncIterator[dict[Pair, Suggestion]]:
    """The likely ones of each batch. While one is scored, the next one is gathered."""
    sent: Read | None = None
    async for pairs in batches:
        read = await _read(step, pairs)
        if sent is not None:
            yield await _likely(step, sent)
        await step.scorer.send(read.batch)
        sent = read
    if sent is not None:
        yield await _likely(step, sent)


class Read(NamedTuple):
    """Pairs of customers that are there, and what is compared of them."""

    pairs: list[Pair]
    batch: Batch


async def _read(step: Step, pairs: list[Pair]) -> Read:
    step.compared += len(pairs)
    profiles = await profiles_of(step.context, {customer for pair in pairs for customer in pair})
    places = {customer: place for place, customer in enumerate(profiles)}
    pairs = [(a, b) for a, b in pairs if a in places and b in places]
    numbered = [(places[a], places[b]) for a, b in pairs]
    return Read(pairs, Batch(list(profiles.values()), numbered))


async def _likely(step: Step, sent: Read) -> dict[Pair, Suggestion]:
    found = await step.scorer.receive()
    return {sent.pairs[likely.place]: likely.suggestion for likely in found}


async def _keep(step: Step, found: dict[Pair, Suggestion]) -> None:
    """The likeliest first, as far as there is room; what finds none is counted."""
    likeliest = sorted(found, key=lambda pair: -found[pair].score)
    pairs, surplus = likeliest[: max(0, step.room)], likeliest[max(0, step.room) :]
    for start in range(0, len(surplus), WRITTEN_AT_ONCE):
        chunk_left = surplus[start : start + WRITTEN_AT_ONCE]
        step.left_out += await count_new(step.context, chunk_left)
    for start in range(0, len(pairs), WRITTEN_AT_ONCE):
        chunk = {pair: found[pair] for pair in pairs[start : start + WRITTEN_AT_ONCE]}
        async with step.context.aside() as session:
            context = replace(step.context, session=session)
            await _check_is_running(context, step.sweep)
            kept = await keep_pairs(context, chunk)
            await _record(context, step.sweep, "duplicates.found", [one.id for one in kept])
        step.found += len(kept)
        step.room -= len(kept)


async def _end(context: Context, sweep: Sweep) -> None:
    """Drops what is not likely any more or was decided, and what waited to be compared when the
    sweep began."""
    counts = await counted_names(context)
    async with _step(context, sweep, counts) as step:
        last: UUID | None = None
        while (last := await _drop_unlikely(step, last)) is not None:
            pass
    async with context.aside() as session:
        ending = replace(context, session=session)
        await be_patient(session)
        await forget_noted(ending, before=sweep.started_at - CERTAIN_AFTER)
        await _advance(
            session,
            sweep,
            status="done",
            ended_at=func.now(),
            dropped=sweep.dropped + step.dropped,
        )
        await record(
            ending,
            "duplicates.sweep_ended",
            subject=(SWEEPS, sweep.id),
            after={"status": "done", "found": sweep.found, "dropped": step.dropped},
        )


async def _drop_unlikely(step: Step, last: UUID | None) -> UUID | None:
    """Looks at the open suggestions after `last`; returns the last one looked at, if any."""
    query = select(Duplicate.id, Duplicate.customer_a, Duplicate.customer_b).where(
        Duplicate.tenant_org_id == step.context.tenant.id, Duplicate.status == "open"
    )
    if last is not None:
        query = query.where(Duplicate.id > last)
    rows = (
        await step.context.session.execute(query.order_by(Duplicate.id).limit(PAIRS_AT_ONCE))
    ).all()
    if not rows:
        return None
    pairs = {(row.customer_a, row.customer_b): row.id for row in rows}
    read = await _read(step, list(pairs))
    await step.scorer.send(read.batch)
    likely = await _likely(step, read)
    unlikely = {row_id for pair, row_id in pairs.items() if pair not in likely}
    settled = await settled_again(step.context, pairs)
    async with step.context.aside() as session:
        context = replace(step.context, session=session)
        await _check_is_running(context, step.sweep)
        dropped = await drop_suggestions(context, unlikely.union(settled))
        await _record(context, step.sweep, "duplicates.dropped", dropped)
    step.dropped += len(dropped)
    reached: UUID = rows[-1].id
    return reached


async def _record(context: Context, sweep: Sweep, kind: str, rows: list[UUID]) -> None:
    if rows:
        await record(
            context,
            kind,
            subject=(SWEEPS, sweep.id),
            after={"suggestions": len(rows)},
            rows={DUPLICATES: rows},
        )


async def _check_is_running(context: Context, sweep: Sweep) -> None:
    """Raises SweepEnded."""
    running = await context.session.scalar(_as_read(select(Sweep.id), context.tenant.id, sweep))
    if running is None:
        raise SweepEnded


async def _advance(session: AsyncSession, sweep: Sweep, **values: Any) -> None:
    """To the next step. Raises SweepEnded."""
    done = await session.execute(
        _as_read(update(Sweep), sweep.tenant_org_id, sweep)
        .values(step=sweep.step + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if not done.rowcount:  # type: ignore[attr-defined]
        raise SweepEnded


def _as_read(statement: Any, tenant_id: UUID, sweep: Sweep) -> Any:
    return statement.where(
        Sweep.tenant_org_id == tenant_id,
        Sweep.id == sweep.id,
        Sweep.status == "running",
        Sweep.step == sweep.step,
    )


def _with_left_out(sweep: Sweep, pairing: Pairing, suggestions: int) -> dict[str, Any]:
    now = asdict(pairing.left_out) | {"suggestions": suggestions}
    if not any(now.values()):
        return sweep.left_out
    before = sweep.left_out.get(pairing.kind.name, {})
    summed = {name: before.get(name, 0) + now[name] for name in now}
    return sweep.left_out | {pairing.kind.name: summed}
