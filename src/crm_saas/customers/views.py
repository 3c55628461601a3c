"""A customer as the API shows it, masked for roles that may not see contact data whole."""

from datetime import datetime
from typing import Any

from msgspec import Raw
from sqlalchemy import ColumnElement, Row, Text, cast

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
    "company_name",
    "company_size", "industry", "customer_since", "assigned_to", "team_id", "expires_at",
    "created_at", "updated_at",
)  # fmt: skip

_VERIFIED = ("phone", "email", "identity")
_OTHER = (
    "phone", "email", "annual_revenue_minor", "annual_revenue_currency",
    *(f"{what}_verified_{part}" for what in _VERIFIED for part in ("at", "by", "how")),
)  # fmt: skip
_SHOWN = (*_SAME, "phone", "email")
_JSON = ("preferences", "custom_fields")
_TABLE = Customer.__table__.c
# What a list reads: rows, which cost a fraction of the entities that a verb changes, and JSON as
# the text that is sent on. The two folded ones are what lists are sorted by.
COLUMNS: list[ColumnElement[Any]] = [
    cast(_TABLE[name], Text).label(name) if name in _JSON else _TABLE[name]
    for name in (*_SAME, *_OTHER, "name_norm", "customer_seq")
]


def view_row(row: Row[Any], *, whole: bool, matched_by: str | None = None) -> CustomerView:
    """A row of `COLUMNS`; `whole` shows contact data unmasked."""
    fields = dict(zip(_SHOWN, row, strict=False))
    for name in _JSON:
        fields[name] = Raw(fields[name].encode())
    if not whole:
        fields["phone"] = fields["phone"] and mask_phone(fields["phone"])
        fields["email"] = fields["email"] and mask_email(fields["email"])
    minor, currency, *verified = row[_AFTER : _AFTER + 11]
    phone, email, identity = (_verified(*verified[n : n + 3]) for n in (0, 3, 6))
    return CustomerView(
        **fields,
        annual_revenue=None if minor is None else money_of(minor, currency),
        matched_by=matched_by,
        phone_verified=phone is not None,
        phone_verification=phone,
        email_verified=email is not None,
        email_verification=email,
        identity_verified=identity is not None,
        identity_verification=identity,
    )


_AFTER = len(_SHOWN)


def _verified(at: datetime | None, by: str | None, how: str | None) -> Verification | None:
    return None if at is None else Verification(at=at, by=by, how=how)


def view_customer(
    context: Context,
    customer: Customer,
    *,
    merged_from: MergedFrom | None = None,
    matched_by: str | None = None,
) -> CustomerView:
    whole = context.actor.may("customers:unmask")
    phone, email = customer.phone, customer.email
    return CustomerView(
        **{name: getattr(customer, name) for name in _SAME},
        phone=phone if whole or phone is None else mask_phone(phone),
        email=email if whole or email is None else mask_email(email),
        annual_revenue=_revenue(customer),
        merged_from=merged_from,
        matched_by=matched_by,
        **_verification(customer, "phone"),
        **_verification(customer, "email"),
        **_verification(customer, "identity"),
    )


def _revenue(customer: Customer) -> Money | None:
    minor, currency = customer.annual_revenue_minor, customer.annual_revenue_currency
    return None if minor is None or currency is None else money_of(minor, currency)


def _verification(customer: Customer, what: str) -> dict[str, Any]:
    found = _verified(*(getattr(customer, f"{what}_verified_{p}") for p in ("at", "by", "how")))
    return {f"{what}_verified": found is not None, f"{what}_verification": found}
