"""A customer's values of the tenant's custom fields: read as they were sent, laid out typed."""

import math
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert

from crm_saas.custom.models import CustomField, CustomValue
from crm_saas.custom.queries import load_fields
from crm_saas.custom.schemas import TEXT_LENGTH_MAX
from crm_saas.kit.context import Context
from crm_saas.kit.errors import FieldError
from crm_saas.kit.ids import new_id
from crm_saas.kit.problems import invalid_input
from crm_saas.kit.texts import tidy_line

_INTEGER_MAX = 2**53


async def patched_values(
    context: Context, present: Mapping[str, Any], sent: Mapping[str, Any], *, is_new: bool = False
) -> dict[str, Any]:
    """All values that the customer has then; what is the same as before was not sent.

    Raises InvalidInput with one entry a value.
    """
    fields = await load_fields(context)
    values = dict(present)
    errors = []
    for key, value in sent.items():
        try:
            values[key] = _checked(fields, key, value)
        except ValueError as error:
            errors.append(FieldError(f"customFields.{key}"[:200], str(error)))
    errors += [
        FieldError(f"customFields.{key}", "is required", "required")
        for key, field in fields.items()
        if field.required and not field.archived_at and (key in sent or is_new)
        if values.get(key) is None and f"customFields.{key}" not in {e.field for e in errors}
    ]
    if errors:
        raise invalid_input(errors)
    return {key: value for key, value in values.items() if value is not None}


def _checked(fields: Mapping[str, CustomField], key: str, value: Any) -> Any:
    """Raises ValueError."""
    if key in fields and value is None:
        return None
    return read_value(usable_field(fields, key), value)


def usable_field(fields: Mapping[str, CustomField], key: str) -> CustomField:
    """One that takes values. Raises ValueError."""
    field = fields.get(key)
    if field is None:
        known = [f.key for f in fields.values() if not f.archived_at]
        there_are = f"there are {', '.join(known)}" if known else "this tenant has none"
        raise ValueError(f"is no custom field; {there_are}")
    if field.archived_at:
        raise ValueError("is archived, and takes no value")
    return field


def read_value(field: CustomField, value: Any) -> Any:
    """As the customer's row holds it. Raises ValueError."""
    match field.kind, value:
        case "text", str():
            return _text(value)
        case "number", int() | float() if not isinstance(value, bool):
            if not math.isfinite(value) or abs(value) > _INTEGER_MAX:
                raise ValueError("must lie between -2^53 and 2^53")
            return value
        case "date", str():
            return _date(value).isoformat()
        case "boolean", bool():
            return value
        case "choice", str():
            if value not in field.options:
                raise ValueError(f"must be one of {', '.join(field.options)}")
            return value
    wanted = {"boolean": "true or false", "number": "a number", "date": "a date such as 2026-11-20"}
    raise ValueError(f"must be {wanted.get(field.kind, 'text')}")


def _text(value: str) -> str | None:
    if len(value) > TEXT_LENGTH_MAX:
        raise ValueError(f"must have {TEXT_LENGTH_MAX} characters at the most")
    return tidy_line(value) or None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be a date such as 2026-11-20") from error


def read_text(field: CustomField, text: str) -> Any:
    """A value as a query parameter or a file has it. Raises ValueError."""
    if field.kind == "boolean":
        if text not in {"true", "false"}:
            raise ValueError("must be true or false")
        return text == "true"
    if field.kind == "number":
        try:
            number = float(text)
            return read_value(field, int(number) if number.is_integer() else number)
        except ValueError as error:
            raise ValueError("must be a number between -2^53 and 2^53") from error
    return read_value(field, text)


def comparable(field: CustomField, value: Any) -> tuple[str, Any]:
    """The column of org_custom_values, and what is in it. Folding may lengthen a text."""
    column, content = typed(field, value)
    if column == "text_value":
        return column, func.left(func.fold_text(content), TEXT_LENGTH_MAX)
    return column, content


def typed(field: CustomField, value: Any) -> tuple[str, Any]:
    """The column of org_custom_values, and what is in it but for the folding."""
    match field.kind:
        case "number":
            return "number_value", float(value)
        case "date":
            return "date_value", _date(value)
        case "boolean":
            return "text_value", "true" if value else "false"
    return "text_value", value


async def rows_of_new(context: Context, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of org_custom_values for a customer that create_customer.sql writes, and folds them."""
    fields = await load_fields(context)
    return [
        {"id": new_id(), "field_id": fields[key].id} | dict([typed(fields[key], value)])
        for key, value in sorted(values.items())
        if fields[key].filterable
    ]


async def lay_out_values(
    context: Context,
    customer_id: UUID,
    created_at: datetime,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> list[UUID]:
    """Brings the typed rows in line with the customer's own; returns those that it touched."""
    keys = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    if not keys:
        return []
    fields = await load_fields(context)
    changed = [fields[key] for key in sorted(keys) if key in fields and fields[key].filterable]
    if not changed:
        return []
    touched = await _drop(context, customer_id, [field.id for field in changed])
    for field in changed:
        if (value := after.get(field.key)) is not None:
            touched.append(await _add(context, customer_id, created_at, field, value))
    return touched


async def _drop(context: Context, customer_id: UUID, field_ids: Collection[UUID]) -> list[UUID]:
    rows = await context.session.scalars(
        delete(CustomValue)
        .where(
            CustomValue.tenant_org_id == context.tenant.id,
            CustomValue.customer_id == customer_id,
            CustomValue.field_id.in_(field_ids),
        )
        .returning(CustomValue.id)
        .execution_options(synchronize_session=False)
    )
    return list(rows)


async def _add(
    context: Context, customer_id: UUID, created_at: datetime, field: CustomField, value: Any
) -> UUID:
    column, content = comparable(field, value)
    row_id = new_id()
    await context.session.execute(
        insert(CustomValue).values(
            tenant_org_id=context.tenant.id,
            id=row_id,
            customer_id=customer_id,
            field_id=field.id,
            customer_created_at=created_at,
            **{column: content},
        )
    )
    return row_id
