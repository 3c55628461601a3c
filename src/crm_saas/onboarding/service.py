"""The ways in, put together from their parts: the customer, the proof of the phone, addresses."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from crm_saas.addresses.schemas import CreateAddress
from crm_saas.addresses.service import add_addresses
from crm_saas.customers.creation import (
    access_to_change,
    create_customer,
    create_customer_last,
    read_new_customer,
    upgrade_customer,
)
from crm_saas.customers.errors import PhoneNotVerified
from crm_saas.customers.fields import read_fields
from crm_saas.customers.models import Customer
from crm_saas.customers.proofs import prove_phone
from crm_saas.customers.queries import access_customer
from crm_saas.customers.views import ShownCustomer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import Conflict
from crm_saas.kit.etags import require_match
from crm_saas.onboarding.schemas import CreateCustomer, UpgradeCustomer


async def onboard_customer(context: Context, sent: CreateCustomer) -> ShownCustomer:
    """A guest, stub or full customer with its addresses, all or nothing."""
    new = read_new_customer(context, sent.type, sent)
    verified = await prove_phone(
        context,
        sent.phone,
        sent.otp_code,
        sent.verification_token,
        purpose="registration",
        claim_phone=sent.claim_phone,
    )
    if sent.type == "full" and verified is None:
        raise PhoneNotVerified
    if verified is None and not sent.addresses:
        return await create_customer_last(context, new)
    customer = await create_customer(context, new, verified=verified, claim_phone=sent.claim_phone)
    await _add_addresses(context, customer, sent.addresses)
    return customer


async def upgrade(
    context: Context, customer_id: UUID, sent: UpgradeCustomer, if_match: str | None
) -> Customer:
    customer = await access_customer(context, customer_id)
    phone = read_fields(context.tenant, sent).get("phone") or customer.phone
    verified = await prove_phone(
        context,
        phone,
        sent.otp_code,
        sent.verification_token,
        purpose="registration",
        claim_phone=sent.claim_phone,
    )
    customer = await access_to_change(context, customer_id, sent)
    require_match(customer, if_match)
    if not isinstance(sent.phone, str) and phone != customer.phone:
        raise Conflict("The customer's phone was changed at this moment; look again and retry.")
    proved = verified is not None or (
        customer.phone_verified_at is not None and phone == customer.phone
    )
    if sent.type == "full" and not proved:
        raise PhoneNotVerified
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
    context: Context, customer: ShownCustomer, addresses: list[CreateAddress] | UnsetType
) -> None:
    if addresses is not UNSET and addresses:
        await add_addresses(context, customer=customer, items=addresses)
