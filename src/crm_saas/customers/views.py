"""A customer as the API shows it, masked for roles that may not see contact data whole."""

from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias

from crm_saas.customers.models import Customer
from crm_saas.customers.schemas import CustomerView, MergedFrom, Verification
from crm_saas.kit.context import Context
from crm_saas.kit.emails import mask_email
from crm_saas.kit.money import Money, money_of
from crm_saas.kit.phones import mask_phone

_SAME = (
    "id", "customer_number", "profile_status", "status", "journey_stage", "lifecycle",
    "customer_type", "display_name", "name", "name2", "first_name", "last_name", "honorific",
    "date_of_birth", "avatar_url", "locale", "notes", "preferences", "custom_fields",
    "company_name", "company_size", "industry", "customer_since", "external_id", "assigned_to",
    "team_id", "expires_at", "created_at", "updated_at",
)  # fmt: skip
_same = attrgetter(*_SAME)
_CONTACTS = ("phone", "email")
_VERIFIED = tuple(
    f"{what}_verified_{detail}"
    for what in ("phone", "email", "identity")
    for detail in ("at", "by", "how")
)
_REVENUE = ("annual_revenue_minor", "annual_revenue_currency")
# Of a customer that was read without the ORM: all that a view shows, where it leads, its version.
SHOWN = (*_SAME, *_CONTACTS, *_VERIFIED, *_REVENUE, "merged_into", "version")
ShownCustomer: TypeAlias = Any
"""A Customer, or a row that has the columns SHOWN."""

# What a list reads: rows, which cost a fraction of the entities that a verb changes. The two
# folded ones are what lists are sorted by.
COLUMNS = [
    *(getattr(Customer, name) for name in SHOWN),
    Customer.name_norm,
    Customer.customer_seq,
]


def view_customer(
    context: Context,
    customer: ShownCustomer,
    *,
    merged_from: MergedFrom | None = None,
    matched_by: str | None = None,
) -> CustomerView:
    whole = context.actor.may("customers:unmask")
    phone, email = customer.phone, customer.email
    return CustomerView(
        **dict(zip(_SAME, _same(customer), strict=True)),
        phone=phone if whole or phone is None else mask_phone(phone),
        email=email if whole or email is None else mask_email(email),
        annual_revenue=_revenue(customer),
        merged_from=merged_from,
        matched_by=matched_by,
        phone_verified=customer.phone_verified_at is not None,
        phone_verification=_verification(
            customer.phone_verified_at, customer.phone_verified_by, customer.phone_verified_how
        ),
        email_verified=customer.email_verified_at is not None,
        email_verification=_verification(
            customer.email_verified_at, customer.email_verified_by, customer.email_verified_how
        ),
        identity_verified=customer.identity_verified_at is not None,
        identity_verification=_verification(
            customer.identity_verified_at,
            customer.identity_verified_by,
            customer.identity_verified_how,
        ),
    )


def _revenue(customer: ShownCustomer) -> Money | None:
    minor, currency = customer.annual_revenue_minor, customer.annual_revenue_currency
    return None if minor is None or currency is None else money_of(minor, currency)


def _verification(at: datetime | None, by: str | None, how: str | None) -> Verification | None:
    return None if at is None else Verification(at=at, by=by, how=how)
