"""The filters of the list and the export: one declared table, refused when misspelt."""

from datetime import date
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import func, literal_column
from sqlalchemy.sql.elements import ColumnElement

from crm_saas.customers.fields import read_name
from crm_saas.customers.filter_values import (
    custom_condition,
    held_by,
    is_word,
    read_moment,
    read_preferences,
    read_several,
    revenue_condition,
)
from crm_saas.customers.folding import fold_text
from crm_saas.customers.models import LIVING, Customer
from crm_saas.customers.queries import NOBODY, is_number
from crm_saas.customers.schemas import CompanySize, CustomerType, Lifecycle, ProfileStatus, Status
from crm_saas.kit.context import Context
from crm_saas.kit.errors import FieldError, InvalidInput
from crm_saas.kit.money import Amount, Currency
from crm_saas.kit.problems import invalid_input
from crm_saas.kit.texts import READABLE

Word = Annotated[str, Meta(min_length=1, max_length=254, pattern=READABLE)]
Search = Annotated[str, Meta(max_length=200)]
Statuses = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=READABLE,
        description="One of active, inactive, blocked, merged, erased, or several with commas.",
        examples=["active,blocked"],
    ),
]
ProfileStatuses = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=READABLE,
        description="One of guest, stub, full, or several with commas.",
        examples=["stub,full"],
    ),
]
Moment = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=READABLE,
        description="RFC 3339, or a date, which is its midnight in UTC.",
        examples=["2026-11-20", "2026-11-20T08:00:00+04:00"],
    ),
]


CustomText = Annotated[str, Meta(max_length=500, pattern=READABLE)]
Custom = Annotated[dict[str, CustomText], Meta(max_length=10)]


class CustomerFilter(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """Every condition must hold; each compares the whole field, names and words by their letters.

    `phone`, `email` and `customerNumber` match however they are typed, and with `externalId`, what
    a merged customer had finds its survivor. `status` and `profileStatus` take several values with
    commas; merged and erased customers are left out unless `status` or `customerNumber` asks for
    them. `…From` includes, `…Before` excludes. `notes` is a piece of them, in any spelling;
    `preferences` a JSON object that theirs contain. Revenues compare within
    `annualRevenueCurrency`, which is the tenant's unless sent. A custom field is compared by
    `custom.<key>`, a number or a date within a range by `custom.<key>.from` and
    `custom.<key>.before`.
    """

    profile_status: ProfileStatuses | None = None
    status: Statuses | None = None
    journey_stage: Word | None = None
    lifecycle: Lifecycle | None = None
    customer_type: CustomerType | None = None
    customer_number: Word | None = None
    phone: Word | None = None
    email: Word | None = None
    external_id: Word | None = None
    name: Word | None = None
    name2: Word | None = None
    first_name: Word | None = None
    last_name: Word | None = None
    display_name: Word | None = None
    honorific: Word | None = None
    locale: Word | None = None
    company_name: Word | None = None
    company_size: CompanySize | None = None
    industry: Word | None = None
    avatar_url: Annotated[str, Meta(max_length=500, pattern=READABLE)] | None = None
    notes: Word | None = None
    preferences: Annotated[str, Meta(max_length=2000, pattern=READABLE)] | None = None
    annual_revenue_from: Amount | None = None
    annual_revenue_before: Amount | None = None
    annual_revenue_currency: Currency | None = None
    date_of_birth: date | None = None
    assigned_to: UUID | None = None
    team_id: UUID | None = None
    phone_verified: bool | None = None
    email_verified: bool | None = None
    identity_verified: bool | None = None
    phone_verified_from: Moment | None = None
    phone_verified_before: Moment | None = None
    email_verified_from: Moment | None = None
    email_verified_before: Moment | None = None
    identity_verified_from: Moment | None = None
    identity_verified_before: Moment | None = None
    customer_since_from: Moment | None = None
    customer_since_before: Moment | None = None
    expires_from: Moment | None = None
    expires_before: Moment | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None
    updated_from: Moment | None = None
    updated_before: Moment | None = None
    custom: Custom | None = None

    def asked(self) -> dict[str, Any]:
        """What was set, for the cursor's signature and the audit record."""
        return {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }


class CustomerQuery(CustomerFilter, kw_only=True):
    """The list's: the filters, and the one search box."""

    search: Search | None = None

    def __post_init__(self) -> None:
        """Told together with whatever else is wrong in the query."""
        for name, known in SEVERAL.items():
            if (value := getattr(self, name)) is not None:
                read_several(value, known)


API_NAMES = dict(
    zip(CustomerFilter.__struct_fields__, CustomerFilter.__struct_encode_fields__, strict=True)
)
_WORDS = ("lifecycle", "customer_type", "company_size")
_EQUAL = (
    "journey_stage", "honorific", "locale", "industry", "date_of_birth", "assigned_to", "team_id",
    "avatar_url",
)  # fmt: skip
_NAMES = ("first_name", "last_name", "display_name", "company_name")
SEVERAL: dict[str, tuple[str, ...]] = {
    "status": get_args(Status),
    "profile_status": get_args(ProfileStatus),
}
_VERIFIED = {
    "phone_verified": Customer.phone_verified_at,
    "email_verified": Customer.email_verified_at,
    "identity_verified": Customer.identity_verified_at,
}
_MOMENTS = _VERIFIED | {
    "customer_since": Customer.customer_since,
    "expires": Customer.expires_at,
    "created": Customer.created_at,
    "updated": Customer.updated_at,
}


def conditions(context: Context, wanted: CustomerFilter) -> list[ColumnElement[bool]]:
    """The tenant, and what was asked; merged and erased customers only when asked for.

    Whoever takes `custom` calls `load_fields` (custom/queries.py) before. Raises InvalidInput with
    one entry a filter.
    """
    asked = wanted.asked()
    held: list[ColumnElement[bool]] = [Customer.tenant_org_id == context.tenant.id]
    errors: list[FieldError] = []
    if "status" not in asked and "customer_number" not in asked:
        held.append(literal_column(f"org_customers_mst.{LIVING}"))
    for name, value in asked.items():
        if name not in API_NAMES:
            continue
        try:
            held += _conditions(context, wanted, name, value)
        except InvalidInput as error:
            errors += error.fields
        except ValueError as error:
            errors.append(FieldError(API_NAMES[name], str(error)))
    if errors:
        raise invalid_input(errors)
    return held


def _conditions(
    context: Context, wanted: CustomerFilter, name: str, value: Any
) -> list[ColumnElement[bool]]:
    """Raises InvalidInput and ValueError."""
    if name == "custom":
        return [custom_condition(context, key, text) for key, text in value.items()]
    if name in {"name", "name2"}:
        # The folded column has the index; every name that is the same folds alike.
        folded = getattr(Customer, f"{name}_norm") == fold_text(read_name(value))
        return [folded, getattr(Customer, name) == read_name(value)]
    if name in _EQUAL:
        return [getattr(Customer, name) == value]
    return [_condition(context, wanted, name, value)]


def _condition(
    context: Context, wanted: CustomerFilter, name: str, value: Any
) -> ColumnElement[bool]:
    """Raises InvalidInput and ValueError."""
    if name in _WORDS:
        return is_word(getattr(Customer, name), [value])
    if name in _NAMES:
        return getattr(Customer, name) == read_name(value)  # type: ignore[no-any-return]
    if name in SEVERAL:
        return is_word(getattr(Customer, name), read_several(value, SEVERAL[name]))
    if name in _VERIFIED:
        return _VERIFIED[name].is_not(None) if value else _VERIFIED[name].is_(None)
    stem, _, side = name.rpartition("_")
    if stem in _MOMENTS:
        at = read_moment(API_NAMES[name], value)
        return _MOMENTS[stem] >= at if side == "from" else _MOMENTS[stem] < at
    if name == "notes":
        return func.strpos(func.fold_text(Customer.notes), func.fold_text(value)) > 0
    if name == "preferences":
        return Customer.preferences.contains(read_preferences(value))
    if name == "customer_number":
        return is_number(value)
    if name.startswith("annual_revenue"):
        currency = wanted.annual_revenue_currency or context.tenant.currency
        return revenue_condition(currency, name, value)
    return held_by(context, name, value)


def arms_of(name: str, value: Any) -> list[ColumnElement[bool]]:
    """One condition a value, where a filter has several; none for those that have one."""
    if name in SEVERAL:
        words = read_several(value, SEVERAL[name])
        return [is_word(getattr(Customer, name), [word]) for word in dict.fromkeys(words)]
    if name == "team_id" and isinstance(value, list):
        return [Customer.team_id == team for team in value] or [NOBODY]
    if name == "assigned_to":
        return [NOBODY if value is None else Customer.assigned_to == value]
    return []


SortField = Literal[
    "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    "name", "-name", "customerNumber", "-customerNumber",
]  # fmt: skip
