"""Find-or-create: the till's one call."""

from msgspec import UNSET, structs

from crm_saas.customers.creation import create_customer_last, read_new_customer
from crm_saas.customers.fields import read_fields
from crm_saas.customers.identifiers import Claim, claims_of
from crm_saas.customers.matching import LOOK_UP, Match, clues, read_matches, refuse_unseen
from crm_saas.customers.views import view_customer
from crm_saas.kit.ahead import NeedsTransaction, ReadAhead, ReadInTransaction
from crm_saas.kit.context import Context, Tenant
from crm_saas.kit.emails import email_key, parse_email
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.phones import parse_international
from crm_saas.onboarding.schemas import FindOrCreate, Found, MatchedBy

_MATCHED_BY: dict[str, MatchedBy] = {"phone": "phone", "email": "email", "external": "externalId"}


async def find_or_create(ahead: ReadAhead, sent: FindOrCreate) -> Found:
    """Racing tills queue on the phone: one creates, the others match.

    What is found needs no lock: it was so when it was read, as with any other read. What is not
    found is looked for again under the locks, by the call that creates.
    """
    if isinstance(ahead, ReadInTransaction):
        return await find_or_create_within(ahead.context, sent)
    context, rows = await ahead.read(LOOK_UP, **clues(_claims_of_anywhere(sent)))
    # What is read the same way everywhere was found right before: the others may be wrong.
    read_fields(context.tenant, structs.replace(sent, phone=UNSET, email=UNSET))
    if not rows:
        return await find_or_create_within(context, sent)
    return _found(context, read_matches(rows))


async def find_or_create_within(context: Context, sent: FindOrCreate) -> Found:
    claims = _claims_of_tenant(context.tenant, sent)
    if not claims:
        raise InvalidInput.of("phone", "send a phone or an e-mail to look for", "required")
    if rows := await context.fetch(LOOK_UP, **clues(claims)):
        return _found(context, read_matches(rows))
    if claims[0].kind != "phone":
        raise InvalidInput.of(
            "phone", "nobody has this e-mail; send a phone too to create one", "required"
        )
    new = read_new_customer(context, "stub", sent)
    customer = await create_customer_last(context, new, may_be_found=True)
    return Found(outcome="created", customer=view_customer(context, customer))


def _claims_of_anywhere(sent: FindOrCreate) -> list[Claim]:
    """What to look for before the tenant is known. Raises NeedsTransaction for what only its
    region makes a phone, for external ids, and for what is refused with everything else that is
    wrong."""
    if isinstance(sent.external_id, str):
        raise NeedsTransaction
    phone = sent.phone if isinstance(sent.phone, str) else None
    email = sent.email if isinstance(sent.email, str) else None
    try:
        claims = claims_of(
            {
                "phone": phone and parse_international(phone),
                "email_key": email and email_key(parse_email(email)),
            }
        )
    except ValueError as error:
        raise NeedsTransaction from error
    if not claims:
        raise NeedsTransaction
    return claims


def _claims_of_tenant(tenant: Tenant, sent: FindOrCreate) -> list[Claim]:
    """Raises InvalidInput for whatever is wrong with what was sent."""
    columns = read_fields(tenant, sent)
    return claims_of(columns)


def _found(context: Context, matches: list[Match]) -> Found:
    if len({match.customer_id for match in matches}) > 1:
        return Found(
            outcome="ambiguous",
            candidates=[view_customer(context, m.customer) for m in matches if m.customer],
        )
    match = matches[0]
    refuse_unseen(context, match)
    return Found(
        outcome="matched",
        matched_by=_MATCHED_BY[match.kind],
        customer=view_customer(context, match.customer),
    )
