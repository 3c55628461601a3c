"""What a tenant does with its custom fields: define them, change them, archive them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from crm_saas.custom.errors import FieldKeyTaken, TooManyFields
from crm_saas.custom.models import FIELDS, CustomField
from crm_saas.custom.queries import access_field, list_fields
from crm_saas.custom.schemas import FIELDS_MAX, CreateField, PatchField
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.etags import require_match
from crm_saas.kit.events import changed, record
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import take_turn
from crm_saas.kit.schemas import provided
from crm_saas.kit.texts import tidy_line

_CHANGEABLE = ("label", "label2", "options", "required")


async def create_field(context: Context, sent: CreateField) -> CustomField:
    """Raises InvalidInput, FieldKeyTaken, TooManyFields."""
    _check_options(sent.kind, sent.options)
    await take_turn(context, "custom-fields")
    present = await list_fields(context)
    if any(field.key == sent.key for field in present):
        raise FieldKeyTaken(f"`{sent.key}` is the key of another one. Choose another key.")
    if len(present) >= FIELDS_MAX:
        raise TooManyFields(f"A tenant has {FIELDS_MAX} custom fields at the most.")
    field = CustomField(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        key=sent.key,
        label=_label("label", sent.label),
        label2=sent.label2 and _label("label2", sent.label2),
        kind=sent.kind,
        options=list(sent.options),
        required=sent.required,
        filterable=sent.filterable,
    )
    context.session.add(field)
    await context.session.flush()
    await context.session.refresh(field)
    facts = {name: getattr(field, name) for name in ("key", "kind", "filterable", *_CHANGEABLE)}
    await record(context, "field.created", subject=(FIELDS, field.id), after=facts)
    return field


async def change_field(
    context: Context, field_id: UUID, sent: PatchField, *, if_match: str | None
) -> CustomField:
    """Raises NotFound, InvalidInput, PreconditionFailed."""
    field = await access_field(context, field_id)
    require_match(field, if_match)
    columns = _columns(field, sent)
    before, after = changed({name: getattr(field, name) for name in columns}, columns)
    if not after:
        return field
    for name, value in after.items():
        setattr(field, name, value)
    await context.session.flush()
    await context.session.refresh(field)
    await record(context, "field.changed", subject=(FIELDS, field.id), before=before, after=after)
    return field


def _columns(field: CustomField, sent: PatchField) -> dict[str, Any]:
    columns: dict[str, Any] = provided(sent)
    for name in ("label", "label2"):
        if columns.get(name):
            columns[name] = _label(name, columns[name])
    if "options" in columns:
        _check_options(field.kind, columns["options"])
        if missing := [option for option in field.options if option not in columns["options"]]:
            raise InvalidInput.of(
                "options", f"must keep {', '.join(missing)}: customers may have it", "in-use"
            )
    if "archived" in columns:
        archived = columns.pop("archived")
        columns["archived_at"] = (field.archived_at or datetime.now(UTC)) if archived else None
    return columns


def _label(name: str, value: str) -> str:
    try:
        return tidy_line(value)
    except ValueError as error:
        raise InvalidInput.of(name, str(error)) from error


def _check_options(kind: str, options: list[str]) -> None:
    if (kind == "choice") != bool(options):
        raise InvalidInput.of("options", "a choice has at least one, and no other kind has any")
    if len(set(options)) < len(options):
        raise InvalidInput.of("options", "must differ from one another")
