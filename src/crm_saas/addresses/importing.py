"""Addresses of many customers at once, for an import: one statement each, whatever the number."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm_saas.addresses.models import Address
from crm_saas.addresses.schemas import CreateAddress
from crm_saas.addresses.service import ADDRESSES_MAX
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.recordsets import as_rows, record_columns

_COLUMNS = tuple(name for name in CreateAddress.__struct_fields__ if name != "is_default")
_LINES = ", ".join(_COLUMNS)
_INSERT = text(f"""
    insert into org_customer_addresses_mst (
        tenant_org_id, id, customer_id, is_default, verification_status, pending_since, {_LINES}
    )
    select :tenant, v.id, v.customer_id, v.is_default, 'pending', now(), {_LINES}
    from json_to_recordset(cast(:rows as json)) as v(
        id uuid, customer_id uuid, is_default boolean, {record_columns(Address, _COLUMNS)}
    )
    returning id
""")  # noqa: S608 - names of columns
_OF = text(f"""
    select a.id, a.customer_id, a.is_default, a.version, {", ".join(f"a.{c}" for c in _COLUMNS)}
    from org_customer_addresses_mst a
    where a.tenant_org_id = :tenant and a.customer_id = any(:customers)
    order by a.id
""")  # noqa: S608


class NewAddress(NamedTuple):
    """`columns` passed `new_columns`; the first address of a customer is the default."""

    id: UUID
    customer_id: UUID
    is_default: bool
    columns: Mapping[str, Any]


async def insert_addresses(context: Context, new: Sequence[NewAddress]) -> None:
    """The customers are locked by the caller, and their addresses known to it."""
    if not new:
        return
    rows = [
        {"id": a.id, "customer_id": a.customer_id, "is_default": a.is_default} | dict(a.columns)
        for a in new
    ]
    await context.session.execute(_INSERT, {"tenant": context.tenant.id, "rows": as_rows(rows)})


async def missing_addresses(
    context: Context, wanted: Mapping[UUID, Mapping[str, Any]]
) -> list[NewAddress]:
    """Of the addresses by customer, those that the customer does not have yet, word for word."""
    if not wanted:
        return []
    rows = await context.session.execute(
        _OF, {"tenant": context.tenant.id, "customers": list(wanted)}
    )
    present: dict[UUID, list[Any]] = {}
    for row in rows:
        present.setdefault(row.customer_id, []).append(row)
    missing = []
    for customer_id, columns in wanted.items():
        there = present.get(customer_id, [])
        is_there = any(_says(row, columns) for row in there)
        if not is_there and len(there) < ADDRESSES_MAX:
            is_default = not any(row.is_default for row in there)
            missing.append(NewAddress(new_id(), customer_id, is_default, columns))
    return missing


def _says(row: Any, columns: Mapping[str, Any]) -> bool:
    return all(
        value is None or str(getattr(row, name)) == str(value) for name, value in columns.items()
    )


async def remove_added(context: Context, address_ids: Sequence[UUID]) -> list[UUID]:
    """Takes back addresses that an import added and nobody has changed since.

    Whose default goes has the newest of the others in its place (SPEC 4.2). Returns the ids of all
    that it touched.
    """
    tenant = {"tenant": context.tenant.id}
    removed = (await context.session.execute(_REMOVE, tenant | {"ids": list(address_ids)})).all()
    without = [row.customer_id for row in removed if row.is_default]
    promoted = await context.session.scalars(_PROMOTE, tenant | {"customers": without})
    return [row.id for row in removed] + list(promoted)


_REMOVE = text("""
    delete from org_customer_addresses_mst a
    where a.tenant_org_id = :tenant
        and a.id = any(:ids)
        and a.version = 1
        and a.verification_status = 'pending'
    returning a.id, a.customer_id, a.is_default
""")
_PROMOTE = text("""
    update org_customer_addresses_mst a
    set is_default = true, version = a.version + 1, updated_at = now()
    where a.tenant_org_id = :tenant
        and a.id = any(array(
            select distinct on (o.customer_id) o.id
            from org_customer_addresses_mst o
            where o.tenant_org_id = :tenant and o.customer_id = any(:customers)
            order by o.customer_id, o.created_at desc, o.id desc
        ))
    returning a.id
""")


async def changed_addresses(context: Context, added: Mapping[UUID, UUID | None]) -> set[UUID]:
    """Who has another address than the one that was added, or has that one changed."""
    rows = await context.session.execute(
        _OF, {"tenant": context.tenant.id, "customers": list(added)}
    )
    return {row.customer_id for row in rows if row.id != added[row.customer_id] or row.version != 1}
