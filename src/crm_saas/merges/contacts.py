"""Phones and e-mails on the way back: what somebody else has taken since stays there (SPEC 5.4)."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import update

from crm_saas.customers.identifiers import Claim, Holder, claims_of, find_holders
from crm_saas.customers.models import Customer, Identifier
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.merges.fields import FIELDS
from crm_saas.merges.manifest import Manifest, MovedClaim
from crm_saas.merges.queries import Pair
from crm_saas.merges.schemas import ReturnedContact

_COLUMNS = {"phone": "phone", "email": "email_key"}


@dataclass
class Returned:
    """`identifiers` names every row that the undo changed."""

    identifiers: list[UUID] = field(default_factory=list)
    contacts: list[ReturnedContact] = field(default_factory=list)


def own_claims(customer: Customer) -> list[Claim]:
    return claims_of(phone=customer.phone, email_key=customer.email_key)


async def return_claims(context: Context, kept: Manifest, pair: Pair) -> Returned:
    """`pair` holds the fields as they will be; gives up those that others have. Claims are locked."""
    source, target = pair
    returned = Returned()
    moved = {Claim(claim.kind, claim.value): claim for claim in kept.claims}
    wanted = [*moved, *own_claims(target)]
    holders = {h.claim: h for h in await find_holders(context, wanted)} if wanted else {}
    for claim in own_claims(target):
        _settle_own(context, returned, target, claim, holders.get(claim))
    in_use = own_claims(target)
    for claim, row in moved.items():
        holder = holders.get(claim)
        if holder is None:
            _insert(context, returned, row, source.id)
        elif holder.customer_id == target.id and claim not in in_use:
            await _hand_back(context, returned, holder, source.id)
        else:
            _lose(returned, source, claim, holder)
    return returned


def _settle_own(
    context: Context, returned: Returned, target: Customer, claim: Claim, holder: Holder | None
) -> None:
    """The survivor's former phone, which was an alias of its own while the source's was in use."""
    if holder is None:
        row = Identifier(
            tenant_org_id=context.tenant.id,
            id=new_id(),
            kind=claim.kind,
            value=claim.value,
            customer_id=target.id,
        )
        context.session.add(row)
        returned.identifiers.append(row.id)
        returned.contacts.append(_contact("restored", claim, target.id))
    elif holder.customer_id != target.id:
        _lose(returned, target, claim, holder)


def _lose(returned: Returned, customer: Customer, claim: Claim, holder: Holder) -> None:
    if getattr(customer, _COLUMNS[claim.kind]) == claim.value:
        for column in FIELDS[claim.kind]:
            setattr(customer, column, None)
    returned.contacts.append(_contact("taken", claim, holder.customer_id))


def _insert(context: Context, returned: Returned, claim: MovedClaim, customer_id: UUID) -> None:
    context.session.add(
        Identifier(
            tenant_org_id=context.tenant.id,
            id=claim.id,
            kind=claim.kind,
            value=claim.value,
            customer_id=customer_id,
            created_at=claim.created_at,
        )
    )
    returned.identifiers.append(claim.id)
    returned.contacts.append(_contact("restored", Claim(claim.kind, claim.value), customer_id))


async def _hand_back(
    context: Context, returned: Returned, holder: Holder, customer_id: UUID
) -> None:
    await context.session.execute(
        update(Identifier)
        .where(Identifier.tenant_org_id == context.tenant.id, Identifier.id == holder.identifier_id)
        .values(customer_id=customer_id)
        .execution_options(synchronize_session=False)
    )
    returned.identifiers.append(holder.identifier_id)


def _contact(outcome: str, claim: Claim, customer_id: UUID) -> ReturnedContact:
    contact = ReturnedContact(outcome=outcome, customer_id=customer_id)  # type: ignore[arg-type]
    setattr(contact, claim.kind, claim.value)
    return contact
