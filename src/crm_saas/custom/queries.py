"""Reads of a tenant's custom fields."""

from uuid import UUID

from sqlalchemy import select

from crm_saas.custom.models import CustomField
from crm_saas.kit.context import Context
from crm_saas.kit.errors import NotFound

_KNOWN = "custom_fields"


async def list_fields(context: Context) -> list[CustomField]:
    rows = await context.session.scalars(
        select(CustomField)
        .where(CustomField.tenant_org_id == context.tenant.id)
        .order_by(CustomField.id)
    )
    return list(rows)


async def access_field(context: Context, field_id: UUID) -> CustomField:
    """Locked, to be changed. Raises NotFound alike for an unknown id and another tenant's."""
    field: CustomField | None = await context.session.scalar(
        select(CustomField)
        .where(CustomField.tenant_org_id == context.tenant.id, CustomField.id == field_id)
        .with_for_update()
    )
    if field is None:
        raise NotFound("There is no custom field with this id.")
    return field


async def load_fields(context: Context) -> dict[str, CustomField]:
    """By key; asked for once a request, and kept no longer."""
    if _KNOWN not in context.values:
        context.values[_KNOWN] = {field.key: field for field in await list_fields(context)}
    return loaded_fields(context)


def loaded_fields(context: Context) -> dict[str, CustomField]:
    """What `load_fields` has loaded for this request."""
    fields: dict[str, CustomField] = context.values[_KNOWN]
    return fields
