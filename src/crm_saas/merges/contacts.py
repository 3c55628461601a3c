"""Claims on the way back: what somebody else has taken since stays there (SPEC 5.4)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import update

from crm_saas.customers.identifiers import (
    CLAIM_COLUMNS,
    Claim,
    Holder,
    claims_of,
    find_holders,
    own_claims,
)
from crm_saas.customers.models import Customer, Identifier
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.merges.fields import FIELDS
from crm_saas.merges.manifest import Manifest
from crm_saas.merges.queries import Pair
from crm_saas.merges.schemas import ReturnedContact

# A kind of claim as a field of the API.
_FIELDS = {"phone": "phone", "email": "email", "external": "external_id"}
Holders = dict[Claim, Holder]


@dataclass
class Settlement:
    """Who gets what: rows to make, rows to hand back to the source, and what to tell."""

    new: list[Identifier] = field(default_factory=list)
    handed_back: list[UUID] = field(default_factory=list)
    contacts: list[ReturnedContact] = field(default_factory=list)

    @property
    def identifiers(self) -> list[UUID]:
        return [*self.handed_back, *(row.id for row in self.new)]


def claims_moved(kept: Manifest) -> list[Claim]:
    return [Claim(claim.kind, claim.value) for claim in kept.claims]


def claims_before(kept: Manifest) -> list[Claim]:
    """The survivor's own, where the merge put the source's in their place."""
    old = {column: change.before for column, change in kept.target.items()}
    return claims_of(old)


async def holders_of(context: Context, claims: Iterable[Claim]) -> Holders:
    wanted = list(claims)
    found = await find_holders(context, wanted) if wanted else []
    return {holder.claim: holder for holder in found}


def settle_claims(kept: Manifest, pair: Pair, holders: Holders) -> Settlement:
    """The survivor has its fields back; what others hold by now, it and the source give up."""
    source, target = pair
    settlement = Settlement()
    for claim in claims_before(kept):
        if claim not in own_claims(target):
            continue
        holder = holders.get(claim)
        if holder is None:
            _claim_again(settlement, target, claim, new_id(), datetime.now(UTC))
        elif holder.customer_id != target.id:
            _lose(settlement, target, claim, holder.customer_id)
    in_use = own_claims(target)
    for row in kept.claims:
        claim = Claim(row.kind, row.value)
        holder = holders.get(claim)
        if holder is None:
            _claim_again(settlement, source, claim, row.id, row.created_at)
        elif holder.customer_id == target.id and claim not in in_use:
            settlement.handed_back.append(holder.identifier_id)
        else:
            _lose(settlement, source, claim, holder.customer_id)
    return settlement


async def hand_back(context: Context, settlement: Settlement, source_id: UUID) -> None:
    if settlement.handed_back:
        await context.session.execute(
            update(Identifier)
            .where(
                Identifier.tenant_org_id == context.tenant.id,
                Identifier.id.in_(settlement.handed_back),
            )
            .values(customer_id=source_id)
            .execution_options(synchronize_session=False)
        )


def _claim_again(
    settlement: Settlement, customer: Customer, claim: Claim, row_id: UUID, created_at: datetime
) -> None:
    settlement.new.append(
        Identifier(
            tenant_org_id=customer.tenant_org_id,
            id=row_id,
            kind=claim.kind,
            value=claim.value,
            customer_id=customer.id,
            created_at=created_at,
        )
    )
    settlement.contacts.append(_contact("restored", claim, customer.id))


def _lose(settlement: Settlement, loser: Customer, claim: Claim, holder_id: UUID) -> None:
    if getattr(loser, CLAIM_COLUMNS[claim.kind]) == claim.value:
        for column in FIELDS[_FIELDS[claim.kind]]:
            setattr(loser, column, None)
    settlement.contacts.append(_contact("taken", claim, holder_id))


def _contact(
    outcome: Literal["taken", "restored"], claim: Claim, customer_id: UUID
) -> ReturnedContact:
    contact = ReturnedContact(outcome=outcome, customer_id=customer_id)
    setattr(contact, _FIELDS[claim.kind], claim.value)
    return contact
