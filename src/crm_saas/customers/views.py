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
JSON = ("preferences", "custom_fields")
_PHONE, _JSON_AT = _SAME.index("phone"), _SAME.index("preferences")
# In a view the revenue stands between what is the same in both, and everything else in its order.
_REVENUE_AT = CustomerView.__struct_fields__.index("annual_revenue")
assert CustomerView.__struct_fields__[:_REVENUE_AT] == _SAME[:_REVENUE_AT]
assert CustomerView.__struct_fields__[-2 - _PHONE + _REVENUE_AT : -2] == _SAME[_REVENUE_AT:_PHONE]
_TABLE = Customer.__table__.c
# What a list reads: rows, which cost a fraction of the entities that a verb changes, and JSON as
# the text that is sent on. The two folded ones are what lists are sorted by.
COLUMNS: list[ColumnElement[Any]] = [
    cast(_TABLE[name], Text).label(name) if name in JSON else _TABLE[name]
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
    """Of values in the order of SHOWN; `whole` shows contact data unmasked.

    By their places: a page has fifty of them, and names cost it more than the query.
    """
    phone, email, minor, currency, *verified = row[_PHONE : _PHONE + 13]
    if not whole:
        phone, email = phone and mask_phone(phone), email and mask_email(email)
    return CustomerView(  # type: ignore[call-arg]  # kw_only is not handed down
        *row[:_JSON_AT],
        _as_sent(row[_JSON_AT]),
        _as_sent(row[_JSON_AT + 1]),
        *row[_JSON_AT + 2 : _REVENUE_AT],
        None if minor is None else money_of(minor, currency),
        phone,
        *_verified(*verified[:3]),
        email,
        *_verified(*verified[3:6]),
        *_verified(*verified[6:]),
        *row[_REVENUE_AT:_PHONE],
        merged_from,
        matched_by,
    )


def _as_sent(value: Any) -> Any:
    return Raw(value.encode()) if isinstance(value, str) else value


def _verified(
    at: datetime | None, by: str | None, how: str | None
) -> tuple[bool, Verification | None]:
    return (False, None) if at is None else (True, Verification(at=at, by=by, how=how))
