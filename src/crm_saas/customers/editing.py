"""Changing a customer: edit, deactivate, reactivate, block, verify the identity."""

from collections.abc import Mapping
from datetime import UTC, datetime

from crm_saas.customers.assignment import require_assigning
from crm_saas.customers.creation import apply_changes
from crm_saas.customers.errors import CustomerBlocked
from crm_saas.customers.fields import read_fields, renamed
from crm_saas.customers.insertion import TABLE
from crm_saas.customers.models import Customer
from crm_saas.customers.phone_claims import VerifiedPhone
from crm_saas.customers.schemas import CustomerFields
from crm_saas.kit.context import Context
from crm_saas.kit.errors import FieldError, InvalidInput
from crm_saas.kit.events import record
from crm_saas.kit.problems import invalid_input


async def edit_customer(
    context: Context,
    customer: Customer,
    sent: CustomerFields,
    *,
    verified: VerifiedPhone | None = None,
    claim_phone: bool = False,
) -> Customer:
    """Raises InvalidInput, PhoneTaken, EmailTaken. The customer is locked by the caller."""
    columns = read_fields(context.tenant, sent)
    require_assigning(context, columns)
    check_edit(customer, columns)
    columns |= renamed(customer, columns)
    moved = columns.get("journey_stage", customer.journey_stage) != customer.journey_stage
    await apply_changes(
        context,
        customer,
        columns,
        kind="customer.stage_moved" if moved else "customer.changed",
        verified=verified,
        claim_phone=claim_phone,
    )
    return customer


def check_edit(customer: Customer, columns: Mapping[str, object]) -> None:
    """Raises InvalidInput for what the profile lacks then, or may not have."""
    errors: list[FieldError] = []
    if customer.profile_status == "guest":
        errors += [
            FieldError(field, "a guest has none; upgrade the guest to a stub", "not-for-guests")
            for field in ("phone", "email")
            if columns.get(field)
        ]
    else:
        if "phone" in columns and columns["phone"] is None:
            errors.append(FieldError("phone", "can be changed but not removed", "required"))
        if not any(columns.get(name, getattr(customer, name)) for name in ("name", "name2")):
            errors.append(FieldError("name", "name or name2 must stay", "required"))
    if errors:
        raise invalid_input(errors)


async def deactivate_customer(context: Context, customer: Customer) -> Customer:
    """Soft delete: nothing is lost, and the phone stays taken."""
    if customer.status == "blocked":
        raise CustomerBlocked("A blocked customer stays blocked. Reactivate it first.")
    return await _set_status(context, customer, "inactive", kind="customer.deactivated")


async def reactivate_customer(context: Context, customer: Customer) -> Customer:
    return await _set_status(context, customer, "active", kind="customer.reactivated")


async def block_customer(context: Context, customer: Customer, *, reason: str) -> Customer:
    return await _set_status(context, customer, "blocked", kind="customer.blocked", reason=reason)


async def _set_status(
    context: Context, customer: Customer, status: str, *, kind: str, reason: str | None = None
) -> Customer:
    """A second call changes nothing and records nothing: a retry is harmless."""
    if customer.status == status:
        return customer
    before, customer.status = customer.status, status
    await context.session.flush()
    await context.session.refresh(customer)
    after = {"status": status} | ({"reason": reason} if reason else {})
    await record(
        context,
        kind,
        subject=(TABLE, customer.id),
        customer_id=customer.id,
        before={"status": before},
        after=after,
    )
    return customer


async def verify_identity(context: Context, customer: Customer, *, how: str) -> Customer:
    """Staff saw who it is; the first time sets `customerSince`."""
    if customer.profile_status == "guest":
        raise InvalidInput.of("how", "a guest has no identity to verify; upgrade it first")
    now = datetime.now(UTC)
    customer.identity_verified_at = now
    customer.identity_verified_by = context.actor.name
    customer.identity_verified_how = how
    customer.customer_since = customer.customer_since or now
    await context.session.flush()
    await context.session.refresh(customer)
    await record(
        context,
        "customer.identity_verified",
        subject=(TABLE, customer.id),
        customer_id=customer.id,
        after={"how": how, "customerSince": customer.customer_since},
    )
    return customer
