"""Phones, e-mails and external ids as claims on a customer: taken in one order, held by one
constraint.

One lock order everywhere: the claims (sorted), then the customers, then the counter.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text, tuple_

from crm_saas.customers.errors import EmailTaken, ExternalIdTaken, PhoneTaken
from crm_saas.customers.models import Customer, Identifier
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import lock_number
from crm_saas.kit.settings import Settings


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


def claims_of(columns: Mapping[str, str | None]) -> list[Claim]:
    """The claims that these columns of a customer make."""
    pairs = ((kind, columns.get(column)) for kind, column in CLAIM_COLUMNS.items())
    return [Claim(kind, value) for kind, value in pairs if value is not None]


def own_claims(customer: Customer) -> list[Claim]:
    return claims_of({column: getattr(customer, column) for column in CLAIM_COLUMNS.values()})


async def lock_claims(context: Context, claims: Iterable[Claim]) -> list[Holder]:
    """Locks the claims until the transaction ends and tells who holds them.

    The locks make racing tills queue up instead of failing on the unique constraint, which stays
    the last word.
    """
    wanted = sorted(set(claims))
    if not wanted:
        return []
    await context.session.execute(
        text(
            "select pg_advisory_xact_lock(number) from unnest("
            "cast(:numbers as bigint[])) with ordinality as c (number, place) order by place"
        ),
        {"numbers": [claim_lock(context.settings, context.tenant.id, claim) for claim in wanted]},
    )
    return await find_holders(context, wanted)


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
    """Raises PhoneTaken, EmailTaken or ExternalIdTaken.

    Names the holder only to who may see that customer. `may_claim`: the phone was proved, and
    `claimPhone` would take it.
    """
    if not holders:
        return
    holder = min(holders, key=lambda h: list(CLAIM_COLUMNS).index(h.claim.kind))
    problem = _TAKEN[holder.claim.kind]
    visible = (
        context.actor.may("customers:read")
        and (
            await context.session.execute(
                select(Customer.id, Customer.customer_number, Customer.display_name).where(
                    Customer.tenant_org_id == context.tenant.id, Customer.id == holder.customer_id
                )
            )
        ).first()
    )
    if not visible:
        raise problem("A customer outside your scope has it. Ask a manager.")
    claim = " If the number was handed out again, send claimPhone: true with this code."
    raise problem(
        f"{visible.customer_number} ({visible.display_name}) has it. "
        "Use that customer, or upgrade it with POST /api/v1/customers/{id}/upgrade."
        + (claim if may_claim and problem is PhoneTaken else ""),
        customerId=str(visible.id),
        customerNumber=visible.customer_number,
    )
