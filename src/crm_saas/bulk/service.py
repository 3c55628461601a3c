"""Bulk edit, assign and deactivate (SPEC 6.2): a first piece at once, the rest by a job."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, structs
from sqlalchemy import func, select
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from crm_saas.bulk.chunks import CHUNK_ROWS, do_piece
from crm_saas.bulk.errors import BulkOver, TooMuchBulk
from crm_saas.bulk.models import TABLE, BulkJob
from crm_saas.bulk.requester import NEEDED, as_requester
from crm_saas.bulk.schemas import REFUSALS_MAX, BulkChanges, StartBulk
from crm_saas.custom.queries import load_fields
from crm_saas.custom.values import patched_values
from crm_saas.customers import listing
from crm_saas.customers.assignment import check_assignment, require_assigning
from crm_saas.customers.fields import read_fields
from crm_saas.customers.filters import API_NAMES, CustomerFilter, conditions
from crm_saas.kit.context import Context
from crm_saas.kit.errors import FieldError, InvalidInput, NotFound
from crm_saas.kit.events import plain, record
from crm_saas.kit.ids import new_id
from crm_saas.kit.jobs import enqueue
from crm_saas.kit.locks import take_turn
from crm_saas.kit.paging import Page, cut_page, read_cursor
from crm_saas.kit.problems import invalid_input, within
from crm_saas.kit.schemas import provided

AT_ONCE_MAX = 200
UNFINISHED_MAX = 5
UNFINISHED = ("waiting", "running")
_ASSIGNS = frozenset({"assigned_to", "team_id"})


async def count_bulk(context: Context, sent: StartBulk) -> listing.Count:
    """Checks what `start_bulk` would, counts, and changes nothing."""
    context.actor.require(NEEDED[sent.verb])
    await _read(context, sent)
    return await _count(context, sent)


async def start_bulk(context: Context, sent: StartBulk) -> tuple[BulkJob, bool]:
    """The work, done where it is small, and whether there are more than it counted.

    Raises InvalidInput, Forbidden and TooMuchBulk.
    """
    context.actor.require(NEEDED[sent.verb])
    columns = await _read(context, sent)
    matched, is_capped = await _count(context, sent)
    job = _new_job(context, sent, columns, matched)
    context.session.add(job)
    await context.session.flush()
    await context.session.refresh(job)
    is_small = matched is not None and matched <= AT_ONCE_MAX and not is_capped
    if is_small and not await _go_on(context, job):
        return job, is_capped
    await _refuse_too_much(context)
    await record(
        context,
        "customers.bulk_started",
        subject=(TABLE, job.id),
        after={
            "verb": job.verb,
            "fields": sorted(columns),
            "filtered_by": sorted(job.filter or ()),
        },
    )
    await enqueue(context, "bulk.work", {"bulk_id": str(job.id)}, priority=-5)
    return job, is_capped


async def _refuse_too_much(context: Context) -> None:
    """Raises TooMuchBulk. The new one is among those that it counts."""
    await take_turn(context, "bulk")
    unfinished = await context.session.scalar(
        select(func.count()).where(
            BulkJob.tenant_org_id == context.tenant.id, BulkJob.status.in_(UNFINISHED)
        )
    )
    if (unfinished or 0) > UNFINISHED_MAX:
        raise TooMuchBulk(
            f"{UNFINISHED_MAX} pieces of bulk work wait or run already. Wait for one, or stop one."
        )


async def _read(context: Context, sent: StartBulk) -> dict[str, Any]:
    """Column values for everybody. Raises InvalidInput."""
    if (sent.customer_ids is UNSET) == (sent.filter is UNSET):
        raise InvalidInput.of("customerIds", "say whom by customerIds or by filter: one of the two")
    given = set() if sent.changes is UNSET else set(provided(sent.changes))
    if errors := _misfits(sent.verb, given):
        raise invalid_input(errors)
    if sent.filter is not UNSET:
        if sent.filter.custom:
            await load_fields(context)
        with within("filter"):
            conditions(context, sent.filter)
    if sent.changes is UNSET:
        return {"status": "inactive"}
    with within("changes"):
        columns = read_fields(context.tenant, sent.changes)
        require_assigning(context, columns)
        await check_assignment(context, columns)
        if "custom_fields" in columns:
            checked = await patched_values(context, {}, columns["custom_fields"])
            columns["custom_fields"] = {key: checked.get(key) for key in columns["custom_fields"]}
    return columns


def _misfits(verb: str, given: set[str]) -> list[FieldError]:
    if verb == "deactivate":
        return [FieldError("changes", "has no place in a deactivation")] if given else []
    if not given:
        return [FieldError("changes", "says what is to be changed", "required")]
    if verb == "assign":
        return [
            FieldError(f"changes.{API_NAMES.get(name, name)}", "is no assignment; use edit")
            for name in sorted(given - _ASSIGNS)
        ]
    return []


async def _count(context: Context, sent: StartBulk) -> listing.Count:
    if sent.customer_ids is not UNSET:
        return listing.Count(len(set(sent.customer_ids)), is_capped=False)
    assert sent.filter is not UNSET
    return await listing.count_customers(context, sent.filter, sort=None)


def _new_job(
    context: Context, sent: StartBulk, columns: dict[str, Any], matched: int | None
) -> BulkJob:
    by_filter: CustomerFilter | None = None if sent.filter is UNSET else sent.filter
    return BulkJob(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        verb=sent.verb,
        changes=_changes_of(columns),
        customer_ids=None if sent.customer_ids is UNSET else list(sent.customer_ids),
        filter=by_filter and {API_NAMES[n]: v for n, v in (plain(by_filter.asked()) or {}).items()},
        status="waiting",
        matched=matched,
        changed=0,
        unchanged=0,
        refused=0,
        refusals=[],
        actor={"kind": context.actor.kind, "name": context.actor.name},
        actor_id=context.actor.id,
    )


async def work_on(context: Context, bulk_id: UUID) -> None:
    """One piece, in the transaction of a job; the next piece is a job of its own, so that a crash
    costs the piece that it interrupts and no more."""
    job = await _locked_job(context, bulk_id)
    if job is None or job.status not in UNFINISHED:
        return
    acting = await as_requester(context, job)
    if acting is None:
        await _end(context, job, "stopped", "Who asked for it may not do it any longer.")
        return
    try:
        async with context.session.begin_nested():
            await check_assignment(acting, _columns_of(job))
            is_more = await _go_on(acting, job)
    except (InvalidInput, IntegrityError, ProgrammingError, DataError) as error:
        # Tried again it would fail again, and stay `running` for ever.
        job = await _locked_job(context, bulk_id) or job
        await _end(context, job, "stopped", _why(error))
        return
    if is_more:
        await enqueue(context, "bulk.work", {"bulk_id": str(job.id)}, priority=-5)


def _why(error: Exception) -> str:
    if isinstance(error, InvalidInput):
        return f"It cannot be done any longer: {error.detail}."
    return (
        "The database refuses it: who asked for it may not change these customers so any longer, "
        "or what the changes name is gone."
    )


async def _go_on(context: Context, job: BulkJob) -> bool:
    """Whether there is more to do."""
    columns = _columns_of(job)
    piece = await do_piece(context, job, columns)
    job.changed += len(piece.changed)
    job.unchanged += piece.unchanged
    job.refused += len(piece.refusals)
    job.refusals = [*job.refusals, *piece.refusals][:REFUSALS_MAX]
    job.last_id = piece.last_id or job.last_id
    is_done = piece.asked < CHUNK_ROWS
    job.status = "done" if is_done else "running"
    job.finished_at = datetime.now(UTC) if is_done else None
    job.version += 1
    await context.session.flush()
    await context.session.refresh(job)
    return not is_done


def _columns_of(job: BulkJob) -> dict[str, Any]:
    """The changes as the columns have them, from the API's words in which they are kept."""
    if job.verb == "deactivate":
        return {"status": "inactive"}
    return provided(msgspec.convert(job.changes, BulkChanges))


def _changes_of(columns: dict[str, Any]) -> dict[str, Any]:
    words = {field.name: field.encode_name for field in structs.fields(BulkChanges)}
    kept = plain(columns) or {}
    return {words[name]: value for name, value in kept.items() if name in words}


async def stop_bulk(context: Context, bulk_id: UUID) -> BulkJob:
    """What is done stays done. Raises NotFound, BulkOver."""
    job = await access_bulk(context, bulk_id)
    job = await _locked_job(context, bulk_id) or job
    if job.status not in UNFINISHED:
        raise BulkOver(f"It is `{job.status}` already.")
    await _end(context, job, "stopped", f"Stopped by {context.actor.name}.")
    return job


async def _end(context: Context, job: BulkJob, status: str, reason: str) -> None:
    before, job.status, job.reason = job.status, status, reason
    job.finished_at = datetime.now(UTC)
    job.version += 1
    await context.session.flush()
    await context.session.refresh(job)
    await record(
        context,
        "customers.bulk_stopped",
        subject=(TABLE, job.id),
        before={"status": before},
        after={"status": status, "reason": reason},
    )


async def _locked_job(context: Context, bulk_id: UUID) -> BulkJob | None:
    found: BulkJob | None = await context.session.scalar(
        select(BulkJob)
        .where(BulkJob.tenant_org_id == context.tenant.id, BulkJob.id == bulk_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def access_bulk(context: Context, bulk_id: UUID) -> BulkJob:
    """One's own, or any for who sees all customers. Raises NotFound."""
    found = await context.session.scalar(
        select(BulkJob).where(*_visible(context), BulkJob.id == bulk_id)
    )
    if found is None:
        raise NotFound("There is no bulk work with this id.")
    return found


async def list_bulk(context: Context, *, limit: int, cursor: str | None) -> Page[BulkJob]:
    """The newest first."""
    question = {"list": "bulk"}
    query = select(BulkJob).where(*_visible(context))
    if cursor is not None:
        (last,) = read_cursor(context, question, cursor, tuple[UUID])
        query = query.where(BulkJob.id < last)
    found = await context.session.scalars(query.order_by(BulkJob.id.desc()).limit(limit + 1))
    return cut_page(context, question, found, limit, lambda job: [job.id])


def _visible(context: Context) -> list[Any]:
    held = [BulkJob.tenant_org_id == context.tenant.id]
    if context.actor.staff_scope != "all":
        held.append(BulkJob.actor_id == context.actor.id)
    return held
