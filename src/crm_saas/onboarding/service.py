"""The ways in, put together from their parts: the customer, the proof of the phone, addresses."""

from dataclasses import replace
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from crm_saas.addresses.schemas import CreateAddress
from crm_saas.addresses.service import add_addresses
from crm_saas.customers.creation import (
    access_to_change,
    create_customer,
    insert_customer,
    read_new_customer,
    upgrade_customer,
)
from crm_saas.customers.errors import PhoneNotVerified
from crm_saas.customers.fields import read_fields
from crm_saas.customers.identifiers import Holder, claims_of, lock_claims, refuse_taken
from crm_saas.customers.models import Customer
from crm_saas.customers.proofs import prove_phone
from crm_saas.customers.queries import access_customer
from crm_saas.customers.views import view_customer
from crm_saas.kit import idempotency
from crm_saas.kit.context import Context
from crm_saas.kit.errors import Conflict, InvalidInput, Problem
from crm_saas.kit.etags import require_match
from crm_saas.kit.problems import database_problem
from crm_saas.onboarding.schemas import (
    BatchOutcome,
    BatchRow,
    CreateCustomer,
    FindOrCreate,
    Found,
    UpgradeCustomer,
)

BATCH_ROUTE = "POST /api/v1/customers/batch#row"
ROW_ATTEMPTS_MAX = 3


async def onboard_customer(context: Context, sent: CreateCustomer) -> Customer:
    """A guest, stub or full customer with its addresses, all or nothing."""
    new = read_new_customer(context, sent.type, sent)
    verified = await prove_phone(
        context, sent.phone, sent.otp_code, sent.verification_token, purpose="registration"
    )
    if sent.type == "full" and verified is None:
        raise _unverified()
    customer = await create_customer(context, new, verified=verified, claim_phone=sent.claim_phone)
    await _add_addresses(context, customer, sent.addresses)
    return customer


async def upgrade(
    context: Context, customer_id: UUID, sent: UpgradeCustomer, if_match: str | None
) -> Customer:
    customer = await access_customer(context, customer_id)
    phone = read_fields(context.tenant, sent).get("phone") or customer.phone
    verified = await prove_phone(
        context, phone, sent.otp_code, sent.verification_token, purpose="registration"
    )
    customer = await access_to_change(context, customer_id, sent)
    require_match(customer, if_match)
    if not isinstance(sent.phone, str) and phone != customer.phone:
        raise Conflict("The customer's phone was changed at this moment; look again and retry.")
    proved = verified is not None or (
        customer.phone_verified_at is not None and phone == customer.phone
    )
    if sent.type == "full" and not proved:
        raise _unverified()
    await upgrade_customer(
        context,
        customer,
        to=sent.type,
        sent=sent,
        verified=verified,
        claim_phone=sent.claim_phone,
    )
    await _add_addresses(context, customer, sent.addresses)
    return customer


async def _add_addresses(
    context: Context, customer: Customer, addresses: list[CreateAddress] | UnsetType
) -> None:
    if addresses is not UNSET and addresses:
        await add_addresses(context, customer=customer, items=addresses)


def _unverified() -> PhoneNotVerified:
    return PhoneNotVerified(
        "Send a code with POST /api/v1/customers/send-otp and pass it on as otpCode, or pass the "
        "verificationToken that /verify-otp gave."
    )


async def find_or_create(context: Context, sent: FindOrCreate) -> Found:
    """One call for a till. Racing tills queue on the phone: one creates, the others match."""
    columns = read_fields(context.tenant, sent)
    claims = claims_of(phone=columns.get("phone"), email_key=columns.get("email_key"))
    if not claims:
        raise InvalidInput.of("phone", "send a phone or an e-mail to look for", "required")
    holders = await lock_claims(context, claims)
    if not holders:
        customer = await insert_customer(context, read_new_customer(context, "stub", sent))
        return Found(outcome="created", customer=view_customer(context, customer))
    found = await _customers_of(context, holders)
    if len({holder.customer_id for holder in holders}) > 1:
        return Found(
            outcome="ambiguous",
            candidates=[view_customer(context, customer) for customer in found.values()],
        )
    holder = min(holders, key=lambda h: h.claim.kind != "phone")
    if holder.customer_id not in found:
        await refuse_taken(context, holders)
    return Found(
        outcome="matched",
        matched_by="phone" if holder.claim.kind == "phone" else "email",
        customer=view_customer(context, found[holder.customer_id]),
    )


async def _customers_of(context: Context, holders: list[Holder]) -> dict[UUID, Customer]:
    rows = await context.session.scalars(
        select(Customer).where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.id.in_([holder.customer_id for holder in holders]),
        )
    )
    return {customer.id: customer for customer in rows}


async def run_batch(context: Context, rows: list[BatchRow]) -> list[BatchOutcome]:
    """Each row in its own transaction, with its own outcome; one bad row spoils no other."""
    return [await _run_row(context, row) for row in rows]


async def _run_row(context: Context, row: BatchRow) -> BatchOutcome:
    for attempt in range(1, ROW_ATTEMPTS_MAX + 1):
        try:
            async with context.aside() as session:
                return await _row_once(replace(context, session=session), row)
        except Problem as problem:
            return _refused(row, problem)
        except DBAPIError as error:
            if attempt == ROW_ATTEMPTS_MAX:
                return _refused(row, database_problem(error))
    raise AssertionError("unreachable")


async def _row_once(context: Context, row: BatchRow) -> BatchOutcome:
    body = msgspec.json.encode(row, order="sorted")
    stored = await idempotency.claim(context, route=BATCH_ROUTE, key=row.idempotency_key, body=body)
    if stored is not None:
        outcome = msgspec.json.decode(idempotency.stored_body(context, stored), type=BatchOutcome)
        return msgspec.structs.replace(outcome, replayed=True)
    found = await find_or_create(context, row)
    outcome = BatchOutcome(
        idempotency_key=row.idempotency_key,
        outcome=found.outcome,
        matched_by=found.matched_by,
        customer_id=found.customer.id if found.customer else None,
        customer_number=found.customer.customer_number if found.customer else None,
        candidates=[candidate.id for candidate in found.candidates],
    )
    await idempotency.store(
        context,
        route=BATCH_ROUTE,
        key=row.idempotency_key,
        request_body=body,
        status=200,
        headers=[],
        body=msgspec.json.encode(outcome),
    )
    return outcome


def _refused(row: BatchRow, problem: Problem) -> BatchOutcome:
    return BatchOutcome(
        idempotency_key=row.idempotency_key,
        outcome="refused",
        problem={
            "type": problem.type,
            "status": problem.status,
            "title": problem.title,
            "detail": problem.detail,
            "errors": msgspec.to_builtins(problem.fields),
        },
    )
