"""What a verified phone changes: the person behind it, and who may hold it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, LargeBinary, bindparam, select, text

from crm_saas.customers.identifiers import Holder, drop_claims
from crm_saas.customers.models import Customer
from crm_saas.customers.persons import phone_hashes
from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id

_PERSON_OF_PHONE = text("select person_of_phone(:hashes, :versions, :new_id)").bindparams(
    bindparam("hashes", type_=ARRAY(LargeBinary)), bindparam("versions", type_=ARRAY(BigInteger))
)


@dataclass(frozen=True)
class VerifiedPhone:
    """A phone that was just proved by a one-time code, and the platform-wide person behind it."""

    phone: str
    person_id: UUID


async def link_person(context: Context, phone: str) -> VerifiedPhone:
    """Finds or makes the person in a transaction of its own (DESIGN 8.5), and tells nobody.

    The id never leaves the database's side of the API, and the statement takes the same course
    whether or not another tenant knows the phone.
    """
    hashes = phone_hashes(KeyRing.from_settings(context.settings), phone)
    async with context.aside() as session:
        person_id: UUID = await session.scalar(
            _PERSON_OF_PHONE,
            {"hashes": list(hashes.values()), "versions": list(hashes), "new_id": new_id()},
        )
    return VerifiedPhone(phone, person_id)


def verified_columns(context: Context, verified: VerifiedPhone | None) -> dict[str, Any]:
    if verified is None:
        return {}
    return {
        "phone_verified_at": datetime.now(UTC),
        "phone_verified_by": context.actor.name,
        "phone_verified_how": "otp",
        "person_id": verified.person_id,
    }


async def release_phone(context: Context, holder: Holder) -> bool:
    """Takes a phone from its holder, who keeps all the rest (SPEC 2.6); False for e-mails."""
    if holder.claim.kind != "phone":
        return False
    former = await context.session.scalar(
        select(Customer)
        .where(Customer.tenant_org_id == context.tenant.id, Customer.id == holder.customer_id)
        .with_for_update()
    )
    if former is None:
        return False  # outside the actor's scope: refused without a name
    dropped = await drop_claims(context, former.id, [holder.claim])
    if former.phone == holder.claim.value:
        former.phone = None
        former.phone_verified_at = former.phone_verified_by = former.phone_verified_how = None
        former.person_id = None
        await context.session.flush()
    await record(
        context,
        "customer.phone_released",
        subject=("org_customers_mst", former.id),
        customer_id=former.id,
        before={"phone": holder.claim.value},
        after={"phone": former.phone},
        rows={"org_customer_identifiers": dropped},
    )
    return True
