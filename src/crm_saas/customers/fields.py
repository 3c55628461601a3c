"""From what the caller sent to column values: checked, composed, every error at once."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from crm_saas.customers.models import Customer
from crm_saas.customers.preferences import read_preferences
from crm_saas.customers.schemas import CustomerFields
from crm_saas.kit.context import Tenant
from crm_saas.kit.emails import email_key, parse_email
from crm_saas.kit.errors import FieldError
from crm_saas.kit.money import Money, minor_units
from crm_saas.kit.phones import parse_phone
from crm_saas.kit.problems import invalid_input
from crm_saas.kit.schemas import Struct, provided
from crm_saas.kit.texts import tidy_line

DEFAULT_STAGES = ("prospect", "lead", "waiting", "reserved", "owner")
_NAMES = ("name", "name2", "first_name", "last_name", "display_name", "company_name")
_NAMED_BY = ("name", "name2", "first_name", "last_name", "company_name")


def read_fields(tenant: Tenant, sent: Struct) -> dict[str, Any]:
    """Column values for what was sent. Raises InvalidInput with one entry a field."""
    columns: dict[str, Any] = {}
    errors: list[FieldError] = []
    for field, value in provided(sent).items():
        if field not in CustomerFields.__struct_fields__:
            continue
        try:
            columns |= _read(tenant, field, value)
        except ValueError as error:
            name = sent.__struct_encode_fields__[sent.__struct_fields__.index(field)]
            errors.append(FieldError(name, str(error)))
    if errors:
        raise invalid_input(errors)
    return columns


def _read(tenant: Tenant, field: str, value: Any) -> dict[str, Any]:
    match field:
        case "phone" if value is not None:
            return {"phone": parse_phone(value, tenant.default_region)}
        case "email" if value is not None:
            email = parse_email(value)
            return {"email": email, "email_key": email_key(email)}
        case "email":
            return {"email": None, "email_key": None}
        case "annual_revenue":
            return _money(value)
        case "date_of_birth" if value is not None:
            return {field: _birth_date(value)}
        case "preferences":
            return {field: read_preferences(tenant, value)}
        case "journey_stage":
            return {field: _stage(tenant, value)}
        case name if name in _NAMES and value is not None:
            return {field: read_name(value)}
        case "honorific" | "industry" | "external_id" if value is not None:
            return {field: tidy_line(value) or None}
    return {field: value}


def read_name(value: str) -> str:
    """As it is stored. Raises ValueError."""
    name = tidy_line(value)
    if not any(unicodedata.category(c)[0] in "LNSM" for c in name):
        raise ValueError("must contain at least one letter")
    return name


def _birth_date(value: date) -> date:
    if value.year < 1900 or value > datetime.now(UTC).date():
        raise ValueError("must lie between 1900-01-01 and today")
    return value


def _stage(tenant: Tenant, stage: str) -> str:
    stages = tenant.policy("journey_stages", DEFAULT_STAGES)
    if stage not in stages:
        raise ValueError(f"must be one of {', '.join(stages)}")
    return stage


def _money(value: Money | None) -> dict[str, Any]:
    minor, currency = (minor_units(value), value.currency) if value else (None, None)
    return {"annual_revenue_minor": minor, "annual_revenue_currency": currency}


def compose_names(columns: Mapping[str, Any]) -> dict[str, Any]:
    """`name` from first and last name where only these came in; never the other way (SPEC 2.6)."""
    composed = dict(columns)
    if not composed.get("name"):
        parts = (composed.get("first_name"), composed.get("last_name"))
        composed["name"] = " ".join(part for part in parts if part) or None
    if not composed.get("display_name"):
        composed["display_name"] = (
            composed["name"] or composed.get("name2") or composed.get("company_name") or "Guest"
        )
    return composed


def renamed(customer: Customer, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The display name follows the names, unless somebody chose it."""
    if columns.get("display_name"):
        return {}
    old = compose_names({name: getattr(customer, name) for name in _NAMED_BY})
    new = compose_names({name: columns.get(name, getattr(customer, name)) for name in _NAMED_BY})
    chosen = customer.display_name not in {old["display_name"], "Guest"}
    if chosen and "display_name" not in columns:
        return {}
    return {"display_name": new["display_name"]}
