"""Typed values of many customers at once, for an import: a statement each, whatever the number."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm_saas.custom.models import CustomValue
from crm_saas.custom.queries import load_fields
from crm_saas.custom.schemas import TEXT_LENGTH_MAX
from crm_saas.custom.values import typed
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.recordsets import as_rows, record_columns

_PLACE = ("customer_id", "field_id")
_ROW = ("id", *_PLACE, "text_value", "number_value", "date_value", "customer_created_at")
_DROP = text(f"""
    delete from org_custom_values o
    using json_to_recordset(cast(:rows as json)) as v({record_columns(CustomValue, _PLACE)})
    where o.tenant_org_id = :tenant
        and o.customer_id = v.customer_id
        and o.field_id = v.field_id
    returning o.id, o.customer_id
""")  # noqa: S608 - names of columns, here and below
_ADD = text(f"""
    insert into org_custom_values (tenant_org_id, {", ".join(_ROW)})
    select :tenant, v.id, v.customer_id, v.field_id,
        left(fold_text(v.text_value), {TEXT_LENGTH_MAX}), v.number_value, v.date_value,
        coalesce(v.customer_created_at, now())
    from json_to_recordset(cast(:rows as json)) as v({record_columns(CustomValue, _ROW)})
    returning id
""")  # noqa: S608
_CLEAR = text("""
    delete from org_custom_values o
    where o.tenant_org_id = :tenant and o.customer_id = any(:customers)
    returning o.id
""")


class Values(NamedTuple):
    """A customer's, before and after; one without `created_at` is made in this transaction."""

    customer_id: UUID
    created_at: datetime | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


async def lay_out_many(context: Context, changes: Sequence[Values]) -> dict[UUID, list[UUID]]:
    """Brings the typed rows in line with the customers' own; returns those touched, by customer."""
    if not changes:
        return {}
    fields = await load_fields(context)
    gone: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for customer_id, created_at, before, after in changes:
        for key in sorted({*before, *after}):
            field = fields.get(key)
            if field is None or not field.filterable or before.get(key) == after.get(key):
                continue
            place = {"customer_id": customer_id, "field_id": field.id}
            if key in before:
                gone.append(place)
            if (value := after.get(key)) is not None:
                row = {"id": new_id(), "customer_created_at": created_at} | place
                new.append(row | dict([typed(field, value)]))
    touched: dict[UUID, list[UUID]] = {}
    for row_id, customer_id in [*await _drop(context, gone), *await _add(context, new)]:
        touched.setdefault(customer_id, []).append(row_id)
    return touched


async def clear_values(context: Context, customer_ids: Sequence[UUID]) -> list[UUID]:
    rows = await context.session.execute(
        _CLEAR, {"tenant": context.tenant.id, "customers": list(customer_ids)}
    )
    return list(rows.scalars())


async def _drop(context: Context, rows: Sequence[dict[str, Any]]) -> list[tuple[UUID, UUID]]:
    if not rows:
        return []
    gone = await context.session.execute(
        _DROP, {"tenant": context.tenant.id, "rows": as_rows(rows)}
    )
    return [(row.id, row.customer_id) for row in gone]


async def _add(context: Context, rows: Sequence[dict[str, Any]]) -> list[tuple[UUID, UUID]]:
    if rows:
        await context.session.execute(_ADD, {"tenant": context.tenant.id, "rows": as_rows(rows)})
    return [(row["id"], row["customer_id"]) for row in rows]
