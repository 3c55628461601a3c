"""What a till collected offline: each row in its own transaction, with its own outcome."""

import asyncio
from dataclasses import replace

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm_saas.customers.creation import create_customer, read_new_customer
from crm_saas.customers.views import view_customer
from crm_saas.kit import idempotency
from crm_saas.kit.context import Context
from crm_saas.kit.ending import LostRace
from crm_saas.kit.errors import InvalidInput, Problem, Unavailable
from crm_saas.kit.explain import explain_struct
from crm_saas.kit.problems import database_problem, invalid_input, problem_content
from crm_saas.onboarding.matching import find_or_create_within
from crm_saas.onboarding.schemas import KEY_LENGTH_MAX, BatchOutcome, BatchRow, Found

PATH = "/api/v1/customers/batch"
ROUTE = f"POST {PATH}#row"
ROW_ATTEMPTS_MAX = 3
# The request's own transaction waits idle meanwhile, and the server ends it after 30 seconds.
SECONDS_MAX = 20.0


async def run_batch(context: Context, sent: list[object]) -> list[BatchOutcome]:
    """One bad row spoils no other. Once the database is too busy, the rest is refused."""
    outcomes: list[BatchOutcome] = []
    busy: Unavailable | None = None
    deadline = asyncio.get_running_loop().time() + SECONDS_MAX
    for index, raw in enumerate(sent):
        try:
            row = _read_row(raw)
            if busy is not None:
                raise busy
            async with asyncio.timeout_at(deadline):
                outcomes.append(await _run_row(context, index, row))
        except Problem as problem:
            outcomes.append(_refused(context, index, raw, problem))
        except (PoolTimeout, TimeoutError):
            busy = Unavailable("Too much at once. Send this row again under its idempotencyKey.")
            outcomes.append(_refused(context, index, raw, busy))
    return outcomes


def _read_row(raw: object) -> BatchRow:
    try:
        row = msgspec.convert(raw, BatchRow)
    except msgspec.ValidationError as error:
        raise invalid_input(explain_struct(raw, BatchRow)) from error
    if not row.idempotency_key.isprintable():
        raise InvalidInput.of("idempotencyKey", "must have printable characters only")
    return row


async def _run_row(context: Context, index: int, row: BatchRow) -> BatchOutcome:
    for attempt in range(1, ROW_ATTEMPTS_MAX + 1):
        try:
            async with context.aside("batches") as session:
                own = replace(context, session=session, ending=None)
                return await _row_once(own, index, row)
        except LostRace:
            if attempt == ROW_ATTEMPTS_MAX:
                raise
        except DBAPIError as error:
            if attempt == ROW_ATTEMPTS_MAX:
                raise database_problem(error) from error
    raise AssertionError("unreachable")


async def _row_once(context: Context, index: int, row: BatchRow) -> BatchOutcome:
    body = msgspec.json.encode(row, order="sorted")
    stored = await idempotency.claim(context, route=ROUTE, key=row.idempotency_key, body=body)
    if stored is not None:
        outcome = msgspec.json.decode(idempotency.stored_body(context, stored), type=BatchOutcome)
        return msgspec.structs.replace(outcome, index=index, replayed=True)
    found = await _onboard(context, row)
    outcome = BatchOutcome(
        index=index,
        idempotency_key=row.idempotency_key,
        outcome=found.outcome,
        matched_by=found.matched_by,
        customer_id=found.customer.id if found.customer else None,
        customer_number=found.customer.customer_number if found.customer else None,
        candidates=[candidate.id for candidate in found.candidates],
    )
    kept = idempotency.seal_answer(
        context,
        route=ROUTE,
        key=row.idempotency_key,
        request_body=body,
        status=200,
        headers=[],
        body=msgspec.json.encode(outcome),
    )
    await idempotency.store(context, kept)
    return outcome


async def _onboard(context: Context, row: BatchRow) -> Found:
    if row.type == "stub":
        return await find_or_create_within(context, row)
    guest = await create_customer(context, read_new_customer(context, "guest", row))
    return Found(outcome="created", customer=view_customer(context, guest))


def _refused(context: Context, index: int, raw: object, problem: Problem) -> BatchOutcome:
    return BatchOutcome(
        index=index,
        idempotency_key=_key_of(raw),
        outcome="refused",
        problem=problem_content(
            problem, instance=f"{PATH}#/rows/{index}", request_id=context.request_id
        ),
    )


def _key_of(raw: object) -> str | None:
    key = raw.get("idempotencyKey") if isinstance(raw, dict) else None
    return key if isinstance(key, str) and len(key) <= KEY_LENGTH_MAX else None
