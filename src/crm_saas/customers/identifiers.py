"""Phones, e-mails and external ids as claims on a customer: taken in one order, held by one
constraint.

One lock order everywhere: the claims (sorted), then the customers, then the counter.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, bindparam, delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from crm_saas.customers.errors import EmailTaken, ExternalIdTaken, PhoneTaken
from crm_saas.customers.models import Customer, Identifier
from crm_saas.kit.context import Context
from crm_saas.kit.errors import Conflict
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import lock_number
from crm_saas.kit.settings import Settings

_LOCK = text(
    "select kind, value, identifier_id, customer_id from lock_claims(:tenant, :locks, :claims)"
).bindparams(bindparam("locks", type_=ARRAY(BigInteger)), bindparam("claims", type_=JSONB))


class Claim(NamedTuple):
    """`value` is a phone in E.164, an e-mail case-folded, or an external id as it is."""

    kind: str
    value: str


class Holder(NamedTuple):
    claim: Claim
    identifier_id: UUID
    customer_id: UUID


# The column of each kind of claim, and what a claim that is taken raises.
CLAIM_COLUMNS = {"phone": "phone", "email": "email_key", "external": "external_id"}
_TAKEN = {"phone": PhoneTaken, "email": EmailTaken, "external": ExternalIdTaken}
_RANKS = {kind: rank for rank, kind in enumerate(CLAIM_COLUMNS)}


class Named(NamedTuple):
    """Who stands in the way, with number and name for who may see that customer."""

    kind: str
    customer_id: UUID
    customer_number: str | None
    display_name: str | None


def rank_of(kind: str) -> int:
    """Of the kinds of claims, the one that says most comes first."""
    return _RANKS[kind]


def claims_of(columns: Mapping[str, str | None]) -> list[Claim]:
    """The claims that these columns of a customer make."""
    pairs = ((kind, columns.get(column)) for kind, column in CLAIM_COLUMNS.items())
    return [Claim(kind, value) for kind, value in pairs if value is not None]


def own_claims(customer: Customer) -> list[Claim]:
    return claims_of({column: getattr(customer, column) for column in CLAIM_COLUMNS.values()})


async def lock_claims(context: Context, claims: Iterable[Claim]) -> list[Holder]:
    """Locks the claims until the transaction ends and tells who holds them."""
    wanted = sorted(set(claims))
    if not wanted:
        return []
    rows = await context.session.execute(
        _LOCK,
        {
            "tenant": context.tenant.id,
            "locks": locks_of(context, wanted),
            "claims": [claim._asdict() for claim in wanted],
        },
    )
    return [Holder(Claim(row[0], row[1]), row[2], row[3]) for row in rows]


def locks_of(context: Context, claims: Iterable[Claim]) -> list[int]:
    return [claim_lock(context.settings, context.tenant.id, claim) for claim in claims]


def claim_lock(settings: Settings, tenant_id: UUID, claim: Claim) -> int:
    return lock_number(settings, "claim", str(tenant_id), *claim)


# A list of pairs would be a chain of ORs, which no index serves once there are many.
_HOLDERS = text("""
    select i.kind, i.value, i.id, i.customer_id
    from unnest(cast(:kinds as text[]), cast(:texts as text[])) as w (kind, value)
    join org_customer_identifiers i
        on i.tenant_org_id = :tenant
        and i.kind = w.kind
        and i.value = w.value collate "C"
""")


async def find_holders(context: Context, claims: Collection[Claim]) -> list[Holder]:
    if not claims:
        return []
    rows = await context.session.execute(
        _HOLDERS,
        {
            "tenant": context.tenant.id,
            "kinds": [claim.kind for claim in claims],
            "texts": [claim.value for claim in claims],
        },
    )
    return [Holder(Claim(row[0], row[1]), row[2], row[3]) for row in rows]


async def add_claims(context: Context, customer_id: UUID, claims: list[Claim]) -> list[UUID]:
    """Returns the ids of the new rows, for the event's manifest."""
    added = [
        Identifier(
            tenant_org_id=context.tenant.id,
            id=new_id(),
            kind=claim.kind,
            value=claim.value,
            customer_id=customer_id,
        )
        for claim in claims
    ]
    context.session.add_all(added)
    await context.session.flush()
    return [identifier.id for identifier in added]


async def drop_claims(context: Context, customer_id: UUID, claims: list[Claim]) -> list[UUID]:
    rows = await context.session.scalars(
        delete(Identifier)
        .where(
            Identifier.tenant_org_id == context.tenant.id,
            Identifier.customer_id == customer_id,
            tuple_(Identifier.kind, Identifier.value).in_(claims),
        )
        .returning(Identifier.id)
    )
    return list(rows)


async def refuse_taken(context: Context, holders: list[Holder], *, may_claim: bool = False) -> None:
    """Raises PhoneTaken, EmailTaken or ExternalIdTaken for the first of the holders."""
    if not holders:
        return
    holder = min(holders, key=lambda h: rank_of(h.claim.kind))
    visible = await context.session.execute(
        select(Customer.customer_number, Customer.display_name).where(
            Customer.tenant_org_id == context.tenant.id, Customer.id == holder.customer_id
        )
    )
    number, name = visible.one_or_none() or (None, None)
    named = Named(holder.claim.kind, holder.customer_id, number, name)
    raise taken_by(context, named, may_claim=may_claim)


def taken_by(context: Context, holder: Named, *, may_claim: bool = False) -> Conflict:
    """The refusal; names the holder only to who may see that customer.

    `may_claim`: the phone was proved, and `claimPhone` would take it.
    """
    problem = _TAKEN[holder.kind]
    if holder.customer_number is None or not context.actor.may("customers:read"):
        return problem("A customer outside your scope has it. Ask a manager.")
    claim = " If the number was handed out again, send claimPhone: true with this code."
    return problem(
        f"{holder.customer_number} ({holder.display_name}) has it. "
        "Use that customer, or upgrade it with POST /api/v1/customers/{id}/upgrade."
        + (claim if may_claim and problem is PhoneTaken else ""),
        customerId=str(holder.customer_id),
        customerNumber=holder.customer_number,
    )
