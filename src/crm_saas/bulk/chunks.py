"""One piece of bulk work: whose turn it is, who is refused, and one change of all the others."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, any_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Uuid

from crm_saas.bulk.models import TABLE, BulkJob
from crm_saas.custom.models import VALUES, CustomField, CustomValue
from crm_saas.custom.queries import load_fields
from crm_saas.custom.values import comparable
from crm_saas.customers.filters import CustomerFilter, conditions
from crm_saas.customers.insertion import TABLE as CUSTOMERS
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.events import Change, record, record_each
from crm_saas.kit.events import changed as differing
from crm_saas.kit.ids import new_id

CHUNK_ROWS = 500
_OF_PIECES = {
    "edit": "customers.bulk_edited",
    "assign": "customers.bulk_assigned",
    "deactivate": "customers.bulk_deactivated",
}
_REFUSALS = {
    "not-found": "No customer of yours has this id.",
    "merged": "The customer was merged into another; change that one.",
    "erased": "The customer was erased.",
    "blocked": "A blocked customer stays blocked. Reactivate it first.",
}


class Piece(msgspec.Struct):
    """What became of the customers of one piece."""

    asked: int
    last_id: UUID | None
    changed: list[UUID]
    unchanged: int
    refusals: list[dict[str, str]]


async def do_piece(context: Context, job: BulkJob, columns: Mapping[str, Any]) -> Piece:
    """Changes the next customers in the order of their ids, with a record of each."""
    ids = await _next_ids(context, job)
    found = {row.id: row for row in await _locked(context, ids, columns)}
    refused = {
        customer_id: code
        for customer_id in ids
        if (code := _refusal(job.verb, found.get(customer_id))) is not None
    }
    changing = [
        row
        for customer_id, row in found.items()
        if customer_id not in refused and _differs(row, columns)
    ]
    changed = [row.id for row in changing]
    if changing:
        await _change(context, changed, columns)
        values = await _lay_out(context, changing, columns.get("custom_fields", {}))
        await record_each(context, [_record_of(row, columns, values) for row in changing])
    await record(
        context,
        _OF_PIECES[job.verb],
        subject=(TABLE, job.id),
        after={"fields": sorted(columns), "count": len(changed)},
    )
    return Piece(
        asked=len(ids),
        last_id=ids[-1] if ids else None,
        changed=changed,
        unchanged=len(ids) - len(changed) - len(refused),
        refusals=[
            {"customerId": str(i), "code": code, "message": _REFUSALS[code]}
            for i, code in refused.items()
        ],
    )


async def _next_ids(context: Context, job: BulkJob) -> list[UUID]:
    if job.customer_ids is not None:
        waiting = sorted(i for i in set(job.customer_ids) if job.last_id is None or i > job.last_id)
        return waiting[:CHUNK_ROWS]
    wanted = msgspec.convert(job.filter, CustomerFilter, strict=False)
    if wanted.custom:
        await load_fields(context)
    # Who came after it began is not meant.
    query = select(Customer.id).where(
        *conditions(context, wanted), Customer.created_at <= job.created_at
    )
    if job.last_id is not None:
        query = query.where(Customer.id > job.last_id)
    return list(await context.session.scalars(query.order_by(Customer.id).limit(CHUNK_ROWS)))


async def _locked(
    context: Context, ids: Sequence[UUID], columns: Mapping[str, Any]
) -> Sequence[Row[Any]]:
    """In the order of their ids, as everywhere."""
    shown = [getattr(Customer, name) for name in columns if name not in {"status"}]
    found = await context.session.execute(
        select(Customer.id, Customer.status, Customer.created_at, *shown)
        .where(Customer.tenant_org_id == context.tenant.id, _among(ids))
        .order_by(Customer.id)
        .with_for_update()
    )
    return found.all()


def _refusal(verb: str, row: Row[Any] | None) -> str | None:
    if row is None:
        return "not-found"
    if row.status in {"merged", "erased"}:
        return str(row.status)
    return "blocked" if verb == "deactivate" and row.status == "blocked" else None


def _differs(row: Row[Any], columns: Mapping[str, Any]) -> bool:
    before, after = _difference(row, columns)
    return before != after


def _difference(row: Row[Any], columns: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of what is changed, how it was and how it will be."""
    wanted = dict(columns)
    if "custom_fields" in wanted:
        patched = {**row.custom_fields, **wanted["custom_fields"]}
        wanted["custom_fields"] = {k: v for k, v in patched.items() if v is not None}
    return differing({name: getattr(row, name) for name in wanted}, wanted)


def _record_of(
    row: Row[Any], columns: Mapping[str, Any], values: Mapping[UUID, Sequence[UUID]]
) -> Change:
    """In the customer's own history, and erased with it; what follows from an edit by hand
    (wiring.HANDLERS) compares names and contacts, and no bulk work changes those."""
    before, after = _difference(row, columns)
    if "status" in after:
        kind = "customer.deactivated"
    else:
        kind = "customer.stage_moved" if "journey_stage" in after else "customer.changed"
    return Change(
        kind, (CUSTOMERS, row.id), row.id, before, after, {VALUES: values.get(row.id, ())}
    )


async def _change(context: Context, ids: Sequence[UUID], columns: Mapping[str, Any]) -> None:
    values = {name: value for name, value in columns.items() if name != "custom_fields"}
    if (patch := columns.get("custom_fields")) is not None:
        sent = bindparam("patch", patch, type_=JSONB)
        values["custom_fields"] = func.jsonb_strip_nulls(
            Customer.custom_fields.op("||")(sent), type_=JSONB
        )
    await context.session.execute(
        update(Customer)
        .where(Customer.tenant_org_id == context.tenant.id, _among(ids))
        .values(**values, version=Customer.version + 1, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def _lay_out(
    context: Context, changing: Sequence[Row[Any]], patch: Mapping[str, Any]
) -> dict[UUID, list[UUID]]:
    """The typed values by which lists are filtered, the same for all; returns what it touched of
    each customer."""
    if not patch:
        return {}
    known = await load_fields(context)
    fields = [known[key] for key in patch if known[key].filterable]
    gone = await context.session.execute(
        delete(CustomValue)
        .where(
            CustomValue.tenant_org_id == context.tenant.id,
            CustomValue.customer_id == any_(_ids([row.id for row in changing])),
            CustomValue.field_id.in_([field.id for field in fields]),
        )
        .returning(CustomValue.customer_id, CustomValue.id)
        .execution_options(synchronize_session=False)
    )
    touched = defaultdict[UUID, list[UUID]](list)
    for customer_id, value_id in gone:
        touched[customer_id].append(value_id)
    for field in fields:
        if patch[field.key] is None:
            continue
        laid = await _rows_of(context, field, patch[field.key], changing)
        await context.session.execute(insert(CustomValue), laid)
        for row in laid:
            touched[row["customer_id"]].append(row["id"])
    return touched


async def _rows_of(
    context: Context, field: CustomField, value: Any, changing: Sequence[Row[Any]]
) -> list[dict[str, Any]]:
    column, content = comparable(field, value)
    if column == "text_value":  # folded once for all
        content = await context.session.scalar(select(content))
    return [
        {
            "tenant_org_id": context.tenant.id,
            "id": new_id(),
            "customer_id": row.id,
            "field_id": field.id,
            "customer_created_at": row.created_at,
            column: content,
        }
        for row in changing
    ]


def _among(ids: Sequence[UUID]) -> Any:
    return Customer.id == any_(_ids(ids))


def _ids(ids: Sequence[UUID]) -> Any:
    return bindparam(None, list(ids), type_=ARRAY(Uuid), unique=True)
