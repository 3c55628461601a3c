"""A customer as the API shows it, masked for roles that may not see contact data whole."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias

from msgspec import Raw
from sqlalchemy import ColumnElement, Text, cast

from crm_saas.customers.models import Customer
from crm_saas.customers.schemas import CustomerView, MergedFrom, Verification
from crm_saas.kit.context import Context
from crm_saas.kit.emails import mask_email
from crm_saas.kit.money import money_of
from crm_saas.kit.phones import mask_phone

_SAME = (
    "id", "customer_number", "profile_status", "status", "journey_stage", "lifecycle",
    "customer_type", "display_name", "name", "name2", "first_name", "last_name", "honorific",
    "date_of_birth", "avatar_url", "locale", "notes", "preferences", "custom_fields",
    "company_name", "company_size", "industry", "customer_since", "external_id", "assigned_to",
    "team_id", "expires_at", "created_at", "updated_at", "phone", "email",
)  # fmt: skip
_REVENUE = ("annual_revenue_minor", "annual_revenue_currency")
_VERIFIED = tuple(
    f"{what}_verified_{detail}"
    for what in ("phone", "email", "identity")
    for detail in ("at", "by", "how")
)
# Of a customer that was read without the ORM: all that a view shows, where it leads, its version.
SHOWN = (*_SAME, *_REVENUE, *_VERIFIED, "merged_into", "version")
ShownCustomer: TypeAlias = Any
"""A Customer, or a row that has the columns SHOWN."""

_shown = attrgetter(*SHOWN)
_AFTER = len(_SAME)
_JSON = ("preferences", "custom_fields")
_TABLE = Customer.__table__.c
# What a list reads: rows, which cost a fraction of the entities that a verb changes, and JSON as
# the text that is sent on. The two folded ones are what lists are sorted by.
COLUMNS: list[ColumnElement[Any]] = [
    cast(_TABLE[name], Text).label(name) if name in _JSON else _TABLE[name]
    for name in (*SHOWN, "name_norm", "customer_seq")
]


def view_customer(
    context: Context,
    customer: ShownCustomer,
    *,
    merged_from: MergedFrom | None = None,
    matched_by: str | None = None,
) -> CustomerView:
    whole = context.actor.may("customers:unmask")
    return view_row(_shown(customer), whole=whole, merged_from=merged_from, matched_by=matched_by)


def view_row(
    row: Sequence[Any],
    *,
    whole: bool,
    merged_from: MergedFrom | None = None,
    matched_by: str | None = None,
) -> CustomerView:
    """Of values in the order of SHOWN; `whole` shows contact data unmasked."""
    fields = dict(zip(_SAME, row, strict=False))
    for name in _JSON:
        if isinstance(fields[name], str):
            fields[name] = Raw(fields[name].encode())
    if not whole:
        fields["phone"] = fields["phone"] and mask_phone(fields["phone"])
        fields["email"] = fields["email"] and mask_email(fields["email"])
    minor, currency, *verified = row[_AFTER : _AFTER + 11]
    phone, email, identity = (_verified(*verified[n : n + 3]) for n in (0, 3, 6))
    return CustomerView(
        **fields,
        annual_revenue=None if minor is None else money_of(minor, currency),
        merged_from=merged_from,
        matched_by=matched_by,
        phone_verified=phone is not None,
        phone_verification=phone,
        email_verified=email is not None,
        email_verification=email,
        identity_verified=identity is not None,
        identity_verification=identity,
    )


def _verified(at: datetime | None, by: str | None, how: str | None) -> Verification | None:
    return None if at is None else Verification(at=at, by=by, how=how)
