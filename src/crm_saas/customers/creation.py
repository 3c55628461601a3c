"""A customer's way in: create, and upgrade from guest to stub to full (SPEC 2.1)."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_saas.custom.models import VALUES
from crm_saas.custom.values import lay_out_values, patched_values, rows_of_new
from crm_saas.customers.assignment import check_assignment, require_assigning
from crm_saas.customers.errors import ProfileNeverGoesBack, ProfileReached
from crm_saas.customers.fields import compose_names, read_fields, renamed
from crm_saas.customers.identifiers import (
    CLAIM_COLUMNS,
    Claim,
    add_claims,
    claims_of,
    drop_claims,
    find_holders,
    lock_claims,
    own_claims,
    refuse_taken,
    taken_by,
)
from crm_saas.customers.insertion import (
    CREATE,
    CREATED,
    IDENTIFIERS,
    TABLE,
    Created,
    Insertion,
    NewCustomer,
    holder_among,
    insertion_of,
)
from crm_saas.customers.models import Customer
from crm_saas.customers.phone_claims import VerifiedPhone, release_phone, verified_columns
from crm_saas.customers.queries import access_customer
from crm_saas.customers.schemas import CustomerFields, ProfileStatus
from crm_saas.customers.views import ShownCustomer
from crm_saas.kit.context import Context
from crm_saas.kit.ending import LastCall, Late, LostRace
from crm_saas.kit.errors import FieldError
from crm_saas.kit.events import HANDLERS, changed, follow, record
from crm_saas.kit.problems import invalid_input

# The platform-wide person is no tenant's business.
_UNRECORDED = frozenset({"person_id"})
_ORDER: dict[str, int] = {"guest": 0, "stub": 1, "full": 2}


def read_new_customer(
    context: Context, profile_status: ProfileStatus, sent: CustomerFields
) -> NewCustomer:
    """Raises InvalidInput for what this profile lacks or may not have."""
    columns = compose_names(read_fields(context.tenant, sent))
    require_assigning(context, columns)
    check_profile(profile_status, columns)
    return NewCustomer(profile_status, columns)


def check_profile(profile_status: str, columns: dict[str, Any]) -> None:
    errors: list[FieldError] = []
    if profile_status == "guest":
        errors += [
            FieldError(field, "a guest has none; create a stub instead", "not-for-guests")
            for field in ("phone", "email")
            if columns.get(field)
        ]
    else:
        needs = "a full profile needs" if profile_status == "full" else "a stub needs"
        if not columns.get("phone"):
            errors.append(FieldError("phone", f"{needs} a phone", "required"))
        if not (columns.get("name") or columns.get("name2")):
            errors.append(
                FieldError("name", f"{needs} name, or firstName and lastName", "required")
            )
    if errors:
        raise invalid_input(errors)


async def create_customer(
    context: Context,
    new: NewCustomer,
    *,
    verified: VerifiedPhone | None = None,
    claim_phone: bool = False,
    may_be_found: bool = False,
) -> ShownCustomer:
    """Raises PhoneTaken, EmailTaken and ExternalIdTaken.

    `claim_phone` takes a verified phone from its holder.

    `may_be_found`: raises LostRace in their place, since the caller would now find whom it meant to
    create. For a transaction that goes on: until its end the numbers of the tenant wait for it.
    """
    if verified and claim_phone:
        holders = await lock_claims(context, new.claims)
        await refuse_taken(context, [h for h in holders if not await release_phone(context, h)])
    insertion = await _checked_insertion(context, new, verified)
    rows = await context.fetch(CREATE, **insertion.values, answer=None)
    made, *_ = created = [Created(*row) for row in rows]
    if holder := holder_among(created):
        may_claim = verified is not None and not claim_phone
        raise LostRace if may_be_found else taken_by(context, holder, may_claim=may_claim)
    assert made.number is not None
    if HANDLERS.get(CREATED):
        await follow(context, insertion.event(context, made.number))
    return insertion.customer(made.number, made.created_at)


async def create_customer_last(
    context: Context, new: NewCustomer, *, may_be_found: bool = False
) -> ShownCustomer:
    """Creates a customer as the last that the request does, with its commit (kit/ending.py).

    The number of what is returned is a placeholder. What `create_customer` raises comes later, in
    place of the answer.
    """
    if context.ending is None or HANDLERS.get(CREATED):
        return await create_customer(context, new, may_be_found=may_be_found)
    insertion = await _checked_insertion(context, new, None)

    def read(rows: list[Any]) -> Late:
        created = [Created(*row) for row in rows]
        if holder := holder_among(created):
            raise LostRace if may_be_found else taken_by(context, holder)
        return {insertion.unnumbered: created[0].number or ""}

    values = {"tenant": context.tenant.id} | insertion.values
    context.ending.last = LastCall(CREATE, values, read)
    return insertion.customer(insertion.unnumbered, context.ending.began_at)


async def _checked_insertion(
    context: Context, new: NewCustomer, verified: VerifiedPhone | None
) -> Insertion:
    typed: list[dict[str, Any]] = []
    if (sent := new.columns.get("custom_fields")) is not None:
        values = await patched_values(context, {}, sent, is_new=True)
        new = replace(new, columns=new.columns | {"custom_fields": values})
        typed = await rows_of_new(context, values)
    insertion = insertion_of(context, new, verified, typed)
    await check_assignment(context, insertion.columns)
    return insertion


async def access_to_change(context: Context, customer_id: UUID, sent: CustomerFields) -> Customer:
    """The customer, locked for what was sent: its claims first, as everywhere.

    Raises CustomerNotFound and InvalidInput.
    """
    columns = read_fields(context.tenant, sent)
    if not columns.keys().isdisjoint(CLAIM_COLUMNS.values()):
        seen = await access_customer(context, customer_id)
        await lock_claims(context, own_claims(seen) + claims_of(columns))
    return await access_customer(context, customer_id, lock=True)


async def upgrade_customer(
    context: Context,
    customer: Customer,
    *,
    to: ProfileStatus,
    sent: CustomerFields,
    verified: VerifiedPhone | None = None,
    claim_phone: bool = False,
) -> Customer:
    """Moves guest → stub → full, never back. The customer is locked by the caller.

    Raises ProfileNeverGoesBack, ProfileReached, InvalidInput, PhoneTaken and EmailTaken.
    """
    if to == customer.profile_status:
        raise ProfileReached(f"{customer.customer_number} is `{to}` already. PATCH changes fields.")
    if _ORDER[to] < _ORDER[customer.profile_status]:
        raise ProfileNeverGoesBack(f"{customer.customer_number} is `{customer.profile_status}`.")
    columns = upgraded_columns(context, customer, to, sent)
    await apply_changes(
        context,
        customer,
        columns | {"profile_status": to, "expires_at": None},
        kind="customer.upgraded",
        verified=verified,
        claim_phone=claim_phone,
    )
    return customer


def upgraded_columns(
    context: Context, customer: Customer, to: ProfileStatus, sent: CustomerFields
) -> dict[str, Any]:
    """What was sent, checked together with what the customer has. Raises InvalidInput."""
    columns = read_fields(context.tenant, sent)
    require_assigning(context, columns)
    kept = ("name", "name2", "first_name", "last_name", "company_name", "phone")
    whole = compose_names({name: getattr(customer, name) for name in kept} | columns)
    check_profile(to, whole)
    return columns | {"name": whole["name"]} | renamed(customer, columns)


async def apply_changes(
    context: Context,
    customer: Customer,
    columns: dict[str, Any],
    *,
    kind: str,
    verified: VerifiedPhone | None = None,
    claim_phone: bool = False,
) -> None:
    """Writes changed columns, moves the claims with them, and records one event."""
    if "custom_fields" in columns:
        sent = columns["custom_fields"]
        columns["custom_fields"] = await patched_values(context, customer.custom_fields, sent)
    old, new = changed({name: getattr(customer, name) for name in columns}, columns)
    wanted = claims_of(new)
    given_up = claims_of(old)
    holders = [
        h for h in await lock_claims(context, [*wanted, *given_up]) if h.customer_id != customer.id
    ]
    taken = [h for h in holders if h.claim in wanted]
    if verified and claim_phone:
        taken = [h for h in taken if not await release_phone(context, h)]
    await refuse_taken(context, taken, may_claim=verified is not None and not claim_phone)
    new |= _verifications(context, new, verified)
    if not new:
        return
    await check_assignment(context, new)
    rows = {IDENTIFIERS: await _move_claims(context, customer.id, given_up, wanted)}
    await _write(context, customer, new)
    if "custom_fields" in new:
        rows[VALUES] = await lay_out(context, customer, before=old["custom_fields"])
    await record(
        context,
        kind,
        subject=(TABLE, customer.id),
        customer_id=customer.id,
        before=old,
        after={name: value for name, value in new.items() if name not in _UNRECORDED},
        rows=rows,
    )


async def _write(context: Context, customer: Customer, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(customer, name, value)
    await context.session.flush()
    await context.session.refresh(customer)


async def lay_out(context: Context, customer: Customer, *, before: dict[str, Any]) -> list[UUID]:
    """The typed values of the custom fields, by which lists are filtered."""
    return await lay_out_values(
        context, customer.id, customer.created_at, before=before, after=customer.custom_fields
    )


def _verifications(
    context: Context, new: dict[str, Any], verified: VerifiedPhone | None
) -> dict[str, Any]:
    """A changed phone or e-mail is unverified, unless its proof came along."""
    columns: dict[str, Any] = {}
    if "phone" in new:
        columns |= dict.fromkeys(("phone_verified_at", "phone_verified_by", "phone_verified_how"))
        columns["person_id"] = None
    if "email_key" in new:
        columns |= dict.fromkeys(("email_verified_at", "email_verified_by", "email_verified_how"))
    return columns | verified_columns(context, verified)


async def _move_claims(
    context: Context, customer_id: UUID, given_up: list[Claim], wanted: list[Claim]
) -> list[UUID]:
    dropped = await drop_claims(context, customer_id, given_up) if given_up else []
    # An alias from a merge may be the customer's own new phone already.
    held = {holder.claim for holder in await find_holders(context, wanted)} if wanted else set()
    return dropped + await add_claims(context, customer_id, [c for c in wanted if c not in held])
