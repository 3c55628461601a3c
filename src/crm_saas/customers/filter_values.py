"""What the filters of customers mean, value by value."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import ColumnElement

from crm_saas.custom.models import CustomField, CustomValue
from crm_saas.custom.queries import loaded_fields
from crm_saas.custom.values import comparable, read_text
from crm_saas.customers.models import Customer, Identifier
from crm_saas.customers.preferences import check_numbers
from crm_saas.kit.context import Context
from crm_saas.kit.emails import InvalidEmail, email_key, parse_email
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.money import Money, minor_units
from crm_saas.kit.phones import InvalidPhone, parse_phone
from crm_saas.kit.queries import with_zone
from crm_saas.kit.texts import tidy_line


def read_preferences(text: str) -> dict[str, Any]:
    try:
        wanted = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError('must be a JSON object, such as {"scent": "oud"}') from error
    check_numbers(wanted)
    return wanted


def is_word(column: InstrumentedAttribute[str], words: Sequence[str]) -> ColumnElement[bool]:
    """Written into the statement, as the few words that they are: each is planned for itself."""
    return column.in_(
        bindparam(None, list(words), unique=True, expanding=True, literal_execute=True)
    )


def read_several(text: str, known: tuple[str, ...]) -> list[str]:
    """Raises ValueError."""
    values = [part.strip() for part in text.split(",")]
    if not set(values) <= set(known):
        raise ValueError(f"must be one of {', '.join(known)}, or several with commas")
    return values


def read_moment(name: str, text: str) -> datetime:
    for kind in (date, datetime):
        try:
            value = msgspec.convert(text, kind)
        except msgspec.ValidationError:
            continue
        if isinstance(value, datetime):
            return with_zone(name, value)
        return datetime.combine(value, time.min, UTC)
    raise ValueError("must be a time such as 2026-11-20T08:00:00Z, or a date such as 2026-11-20")


def revenue_condition(currency: str, name: str, value: str) -> ColumnElement[bool]:
    in_currency = Customer.annual_revenue_currency == currency
    if name == "annual_revenue_currency":
        return in_currency
    minor = minor_units(Money(amount=value, currency=currency))
    if name == "annual_revenue_from":
        return in_currency & (Customer.annual_revenue_minor >= minor)
    return in_currency & (Customer.annual_revenue_minor < minor)


def held_by(context: Context, kind: str, value: str) -> ColumnElement[bool]:
    """By identifier, so that the aliases of a merge find the survivor."""
    try:
        key = _key(context, kind, value)
    except (InvalidPhone, InvalidEmail) as error:
        raise InvalidInput.of(kind, error.reason) from error
    return Customer.id.in_(
        select(Identifier.customer_id).where(
            Identifier.tenant_org_id == context.tenant.id,
            Identifier.kind == _KINDS.get(kind, kind),
            Identifier.value == key,
        )
    )


_KINDS = {"external_id": "external"}


def _key(context: Context, name: str, value: str) -> str:
    """Raises InvalidPhone, InvalidEmail and ValueError."""
    match name:
        case "phone":
            return parse_phone(value, context.tenant.default_region)
        case "email":
            return email_key(parse_email(value))
    return tidy_line(value)


def custom_condition(context: Context, name: str, text: str) -> ColumnElement[bool]:
    return Customer.id.in_(
        select(CustomValue.customer_id).where(*value_conditions(context, name, text))
    )


def value_conditions(context: Context, name: str, text: str) -> list[ColumnElement[bool]]:
    """What `custom.<key>`, `.from` or `.before` asks of a typed value. Raises InvalidInput."""
    key, _, side = name.partition(".")
    field = _filterable(context, key, f"custom.{name}")
    try:
        column, content = comparable(field, read_text(field, text))
    except ValueError as error:
        raise InvalidInput.of(f"custom.{name}", str(error)) from error
    place = getattr(CustomValue, column)
    if side and (side not in {"from", "before"} or column == "text_value"):
        message = "numbers and dates have .from and .before, other fields only their key"
        raise InvalidInput.of(f"custom.{name}", message)
    compared = {"": place == content, "from": place >= content, "before": place < content}
    return [
        CustomValue.tenant_org_id == context.tenant.id,
        CustomValue.field_id == field.id,
        compared[side],
    ]


def _filterable(context: Context, key: str, shown: str) -> CustomField:
    fields = loaded_fields(context)
    if key in fields and fields[key].filterable:
        return fields[key]
    known = ", ".join(f.key for f in fields.values() if f.filterable) or "none"
    raise InvalidInput.of(shown[:100], f"is no field to filter by; there is {known}", "unknown")
