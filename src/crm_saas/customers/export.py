"""The columns of a customer in an export (SPEC 6.4); `exports/` makes files of them."""

from decimal import Decimal
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from sqlalchemy import ColumnElement, Text, case, cast, func, literal

from crm_saas.custom.queries import loaded_fields
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.money import DECIMALS
from crm_saas.kit.spreadsheets import Column, Kind

_COLUMNS: dict[str, Any] = {
    "id": Customer.id,
    "customerNumber": Customer.customer_number,
    "profileStatus": Customer.profile_status,
    "status": Customer.status,
    "journeyStage": Customer.journey_stage,
    "lifecycle": Customer.lifecycle,
    "customerType": Customer.customer_type,
    "displayName": Customer.display_name,
    "name": Customer.name,
    "name2": Customer.name2,
    "firstName": Customer.first_name,
    "lastName": Customer.last_name,
    "honorific": Customer.honorific,
    "dateOfBirth": Customer.date_of_birth,
    "avatarUrl": Customer.avatar_url,
    "locale": Customer.locale,
    "phone": Customer.phone,
    "phoneVerified": Customer.phone_verified_at.is_not(None),
    "email": Customer.email,
    "emailVerified": Customer.email_verified_at.is_not(None),
    "identityVerified": Customer.identity_verified_at.is_not(None),
    "companyName": Customer.company_name,
    "companySize": Customer.company_size,
    "industry": Customer.industry,
    "annualRevenueAmount": None,
    "annualRevenueCurrency": Customer.annual_revenue_currency,
    "notes": Customer.notes,
    "preferences": Customer.preferences,
    "customerSince": Customer.customer_since,
    "externalId": Customer.external_id,
    "assignedTo": Customer.assigned_to,
    "teamId": Customer.team_id,
    "expiresAt": Customer.expires_at,
    "createdAt": Customer.created_at,
    "updatedAt": Customer.updated_at,
}
_TIMES = ("customerSince", "expiresAt", "createdAt", "updatedAt")
_TRUTHS = ("phoneVerified", "emailVerified", "identityVerified")
# What a tenant's own people typed. A phone is E.164 by the time it is stored: a plus and digits
# are a number to a spreadsheet, never a formula, so phones stay readable.
_TYPED = (
    "displayName", "name", "name2", "firstName", "lastName", "honorific", "email",
    "avatarUrl", "companyName", "industry", "notes", "preferences", "externalId",
)  # fmt: skip
_DATES = ("dateOfBirth",)
_NUMBERS = ("annualRevenueAmount",)
_BY_KIND: dict[Kind, tuple[str, ...]] = {
    "text": _TYPED,
    "time": _TIMES,
    "truth": _TRUTHS,
    "date": _DATES,
    "number": _NUMBERS,
}
_KINDS = {name: kind for kind, names in _BY_KIND.items() for name in names}


def customer_columns(context: Context) -> dict[str, Column]:
    """By their names, as this actor may see them: phones and e-mails masked for some."""
    shown = _COLUMNS | {"annualRevenueAmount": _revenue()}
    for name in _TIMES:
        shown[name] = moment(shown[name])
    if not context.actor.may("customers:unmask"):
        shown["phone"] = _masked_phone()
        shown["email"] = func.regexp_replace(Customer.email, "^(.).*(@.*)$", r"\1****\2")
    return {name: Column(_KINDS.get(name, "code"), column) for name, column in shown.items()}


_CUSTOM_KINDS: dict[str, Kind] = {"number": "number", "date": "date", "boolean": "truth"}


def custom_columns(context: Context, *, as_json: bool) -> dict[str, Column]:
    """`custom.<key>` of each field that the tenant has not archived; `load_fields` came before."""
    read = func.jsonb_extract_path if as_json else func.jsonb_extract_path_text
    return {
        f"custom.{key}": Column(
            _CUSTOM_KINDS.get(field.kind, "text"), read(Customer.custom_fields, key)
        )
        for key, field in loaded_fields(context).items()
        if not field.archived_at
    }


def moment(column: ColumnElement[Any]) -> ColumnElement[str]:
    """RFC 3339, to the microsecond."""
    return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')


def _revenue() -> ColumnElement[str]:
    """A decimal string, as `money_of` writes it. Multiplied, since a quotient may be rounded."""
    amounts = {
        decimals: cast(Customer.annual_revenue_minor * literal(Decimal(1).scaleb(-decimals)), Text)
        for decimals in (*sorted(set(DECIMALS.values())), 2)
    }
    return case(
        (Customer.annual_revenue_minor.is_(None), None),
        *(
            (Customer.annual_revenue_currency == currency, amounts[decimals])
            for currency, decimals in DECIMALS.items()
        ),
        else_=amounts[2],
    )


def _masked_phone() -> ColumnElement[str]:
    """What `mask_phone` shows. No country code begins another (E.164), so a pattern finds it."""
    codes = "|".join(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
    code = func.substring(Customer.phone, literal(rf"^\+(?:{codes})"))
    rest = func.substr(Customer.phone, func.length(code) + 1)
    shown = func.least(3, func.length(rest) - 5)
    return case(
        (func.length(rest) < 5, code.concat("****")),
        else_=code.concat(func.left(rest, shown)).concat("****").concat(func.right(rest, 2)),
    )
