"""The verification workflow: what is pending is verified or rejected, by whom, with notes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from crm_saas.addresses.errors import AlreadyDecided
from crm_saas.addresses.models import TABLE, Address
from crm_saas.addresses.queries import access_address, addresses_at
from crm_saas.addresses.schemas import BulkItem, BulkOutcome, Decision
from crm_saas.customers.queries import access_customer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import FieldError, NotFound
from crm_saas.kit.etags import require_match
from crm_saas.kit.events import record
from crm_saas.kit.problems import invalid_input


async def verify_address(
    context: Context,
    *,
    customer_id: UUID,
    address_id: UUID,
    notes: str | None,
    if_match: str | None = None,
) -> Address:
    """Raises NotFound, PreconditionFailed, AlreadyDecided."""
    return await _access_and_decide(context, customer_id, address_id, "verified", notes, if_match)


async def reject_address(
    context: Context,
    *,
    customer_id: UUID,
    address_id: UUID,
    notes: str,
    if_match: str | None = None,
) -> Address:
    """Raises NotFound, PreconditionFailed, AlreadyDecided, InvalidInput for empty notes."""
    if not notes.strip():
        raise invalid_input([_notes_required("notes")])
    return await _access_and_decide(context, customer_id, address_id, "rejected", notes, if_match)


async def verify_in_bulk(context: Context, *, items: list[BulkItem]) -> list[BulkOutcome]:
    """An outcome an item: one that cannot be decided does not hold up the others.

    Raises InvalidInput for a rejection without notes, before anything is decided.
    """
    missing = [
        _notes_required(f"items[{index}].notes")
        for index, item in enumerate(items)
        if item.decision == "rejected" and not (item.notes or "").strip()
    ]
    if missing:
        raise invalid_input(missing)
    customers = await _lock_customers(context, (item.customer_id for item in items))
    found = await addresses_at(
        context, customer_ids=set(customers.values()), address_ids={i.address_id for i in items}
    )
    return [
        await _outcome(context, item, found.get((customers.get(item.customer_id), item.address_id)))
        for item in items
    ]


async def _lock_customers(context: Context, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Each id with its customer's: its own, or the survivor's. Sorted, so that two bulks queue."""
    customers: dict[UUID, UUID] = {}
    for customer_id in sorted(set(ids)):
        try:
            customer = await access_customer(context, customer_id, lock=True)
        except NotFound:
            continue
        customers[customer_id] = customer.id
    return customers


async def _outcome(context: Context, item: BulkItem, address: Address | None) -> BulkOutcome:
    outcome = BulkOutcome(
        customer_id=item.customer_id,
        address_id=item.address_id,
        outcome="notFound",
        verification_status=None,
    )
    if address is None:
        return outcome
    try:
        await _decide(context, address, item.decision, item.notes)
        outcome.outcome = item.decision
    except AlreadyDecided:
        outcome.outcome = "alreadyDecided"
    outcome.verification_status = address.verification_status  # type: ignore[assignment]
    return outcome


async def _access_and_decide(
    context: Context,
    customer_id: UUID,
    address_id: UUID,
    decision: Decision,
    notes: str | None,
    if_match: str | None,
) -> Address:
    address = await access_address(
        context, customer_id=customer_id, address_id=address_id, lock=True
    )
    require_match(address, if_match)
    await _decide(context, address, decision, notes)
    return address


async def _decide(
    context: Context, address: Address, decision: Decision, notes: str | None
) -> None:
    """Raises AlreadyDecided, before anything is written."""
    if address.verification_status != "pending":
        raise AlreadyDecided(
            f"The address is {address.verification_status} already. "
            "It is pending again once its place is changed."
        )
    address.verification_status = decision
    address.pending_since = None
    address.verified_by = context.actor.id
    address.verified_by_name = context.actor.name
    address.verified_at = datetime.now(UTC)
    address.verification_notes = (notes or "").strip() or None
    await context.session.flush()
    await record(
        context,
        f"address.{decision}",
        subject=(TABLE, address.id),
        customer_id=address.customer_id,
        before={"verification_status": "pending"},
        after={
            "verification_status": decision,
            "verification_notes": address.verification_notes,
        },
    )


def _notes_required(field: str) -> FieldError:
    return FieldError(field, "a rejection needs notes that say why", "required")
