"""Taking an import back, where nobody has touched since what it did.

A customer that the import created keeps its number, which is never given out again, and nothing
else: the row stays as `erased`, and its phone, e-mail and external id are free for the next try.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from crm_saas.addresses.importing import changed_addresses, remove_added
from crm_saas.custom.bulk import Values, clear_values, lay_out_many
from crm_saas.custom.models import VALUES
from crm_saas.customers.identifiers import Claim, Holder, claims_of, lock_claims
from crm_saas.customers.insertion import IDENTIFIERS, TABLE
from crm_saas.customers.models import Customer, Identifier
from crm_saas.imports.claiming import Moved, exchange
from crm_saas.imports.matching import CHUNK_ROWS
from crm_saas.imports.models import TABLE as IMPORTS
from crm_saas.imports.statements import update_customers
from crm_saas.imports.writing import ADDRESSES, settle
from crm_saas.kit.context import Context
from crm_saas.kit.events import Change, plain, record, record_each
from crm_saas.kit.recordsets import as_rows
from crm_saas.merges import moves

Customers = dict[UUID, dict[str, Any]]
"""By their ids, with what their rows may change, as they are now."""

_DONE = text("""
    select r.id, r.row_number, r.outcome, r.customer_id, r.customer_number, r.customer_version,
        r.address_id, r.former, r.phone, r.email_key, r.external_id
    from org_import_rows r
    where r.tenant_org_id = :tenant
        and r.import_id = :import
        and r.outcome in ('created', 'updated')
    order by r.row_number desc
    limit :most
""")
_ERASE = text("""
    update org_customers_mst c
    set status = 'erased', display_name = 'Removed',
        name = null, name2 = null, first_name = null, last_name = null, honorific = null,
        date_of_birth = null, avatar_url = null, locale = null, notes = null, preferences = '{}',
        custom_fields = '{}',
        company_name = null, company_size = null, industry = null,
        annual_revenue_minor = null, annual_revenue_currency = null,
        phone = null, email = null, email_key = null, external_id = null, expires_at = null,
        version = c.version + 1, updated_at = now()
    where c.tenant_org_id = :tenant and c.id = any(:ids)
""")
_DROP = text("""
    delete from org_customer_identifiers i
    where i.tenant_org_id = :tenant and i.customer_id = any(:ids)
    returning i.id
""")


async def revert_chunk(context: Context, import_id: UUID) -> Counter[str]:
    """The last rows first, so that what two rows did to one customer goes back in turn."""
    found = await context.session.execute(
        _DONE, {"tenant": context.tenant.id, "import": import_id, "most": CHUNK_ROWS}
    )
    rows = found.all()
    if not rows:
        return Counter()
    holders = {h.claim: h for h in await lock_claims(context, _claims(rows))}
    customers = await _customers(context, rows)
    kept = await _touched(context, rows, customers)
    kept |= {
        row.id: "its former phone, e-mail or external id is somebody else's by now"
        for row in rows
        if row.id not in kept and _is_taken(row, holders)
    }
    going = [row for row in rows if row.id not in kept]
    await _erase(context, import_id, [row for row in going if row.outcome == "created"])
    await _restore(
        context, import_id, [row for row in going if row.outcome == "updated"], customers
    )
    await settle(context, [_settled(row, kept.get(row.id)) for row in rows])
    return Counter("kept" if row.id in kept else "reverted" for row in rows)


def _claims(rows: Sequence[Row[Any]]) -> list[Claim]:
    own = ({"phone": r.phone, "email_key": r.email_key, "external_id": r.external_id} for r in rows)
    return [claim for columns in own for claim in claims_of(columns)] + [
        claim for row in rows for claim in claims_of(row.former or {})
    ]


def _is_taken(row: Row[Any], holders: dict[Claim, Holder]) -> bool:
    return any(
        claim in holders and holders[claim].customer_id != row.customer_id
        for claim in claims_of(row.former or {})
    )


async def _customers(context: Context, rows: Sequence[Row[Any]]) -> Customers:
    """Locked, as they are now; without those outside the starter's scope."""
    columns = {"id", "version", "created_at"} | {name for row in rows for name in row.former or ()}
    found = await context.session.execute(
        select(*(getattr(Customer, name) for name in sorted(columns)))
        .where(
            Customer.tenant_org_id == context.tenant.id,
            Customer.id.in_({row.customer_id for row in rows}),
        )
        .order_by(Customer.id)
        .with_for_update()
    )
    return {row["id"]: dict(row) for row in found.mappings()}


async def _touched(
    context: Context, rows: Sequence[Row[Any]], customers: Customers
) -> dict[UUID, str]:
    """Rows that stay as they are, and why."""
    created = {row.customer_id: row for row in rows if row.outcome == "created"}
    pointed_at = await _pointed_at(context, list(created))
    pointed_at |= await _with_aliases(context, created)
    added = {row.customer_id: row.address_id for row in created.values()}
    changed = await changed_addresses(context, added)
    kept: dict[UUID, str] = {}
    for row in rows:
        customer = customers.get(row.customer_id)
        if customer is None:
            kept[row.id] = "the customer is outside your scope"
        elif customer["version"] != row.customer_version:
            kept[row.id] = "the customer was changed since"
        elif row.outcome == "created" and row.customer_id in pointed_at | changed:
            kept[row.id] = "the customer has addresses, merges or orders since"
    return kept


async def _pointed_at(context: Context, ids: Sequence[UUID]) -> set[UUID]:
    """By any table that a merge would take along: what a later slice adds is among them.

    Values of custom fields change with their customer's version alone.
    """
    pointed: set[UUID] = set()
    for reference in moves.following():
        if reference.table.name in {IDENTIFIERS, ADDRESSES, VALUES} or not ids:
            continue
        found = await context.session.scalars(
            select(reference.column).where(
                reference.table.c.tenant_org_id == context.tenant.id, reference.column.in_(ids)
            )
        )
        pointed |= set(found)
    return pointed


async def _with_aliases(context: Context, created: dict[UUID, Row[Any]]) -> set[UUID]:
    found = await context.session.execute(
        select(Identifier.customer_id, Identifier.kind, Identifier.value).where(
            Identifier.tenant_org_id == context.tenant.id,
            Identifier.customer_id.in_(list(created)),
        )
    )
    return {
        row.customer_id
        for row in found
        if Claim(row.kind, row.value) not in _claims([created[row.customer_id]])
    }


async def _erase(context: Context, import_id: UUID, rows: Sequence[Row[Any]]) -> None:
    if not rows:
        return
    ids = [row.customer_id for row in rows]
    values = {"tenant": context.tenant.id, "ids": ids}
    addresses = await remove_added(context, [row.address_id for row in rows if row.address_id])
    claims = (await context.session.execute(_DROP, values)).scalars().all()
    typed = await clear_values(context, ids)
    await context.session.execute(_ERASE, values)
    await record(
        context,
        "customers.import_reverted",
        subject=(IMPORTS, import_id),
        after={"customers": len(ids)},
        rows={TABLE: ids, IDENTIFIERS: claims, ADDRESSES: addresses, VALUES: typed},
    )


async def _restore(
    context: Context, import_id: UUID, rows: Sequence[Row[Any]], customers: Customers
) -> None:
    """Former values, claims and typed values; an address that the import added goes."""
    changes = [row for row in rows if row.former]
    moved = await _exchange_claims(context, changes, customers)
    await _write_former(context, changes, customers)
    typed = await lay_out_many(context, _values(changes, customers))
    await _record(context, changes, customers, moved.of_customer, typed)
    addresses = await remove_added(context, [row.address_id for row in rows if row.address_id])
    if addresses:
        await record(
            context,
            "customers.import_reverted",
            subject=(IMPORTS, import_id),
            after={"addresses": len(addresses)},
            rows={ADDRESSES: addresses},
        )


async def _exchange_claims(
    context: Context, changes: Sequence[Row[Any]], customers: Customers
) -> Moved:
    given_up, wanted = [], []
    for row in changes:
        now = {name: customers[row.customer_id][name] for name in row.former}
        given_up += [(claim, row.customer_id) for claim in claims_of(now)]
        wanted += [(claim, row.customer_id) for claim in claims_of(row.former)]
    return await exchange(context, given_up=given_up, wanted=wanted)


async def _write_former(
    context: Context, changes: Sequence[Row[Any]], customers: Customers
) -> None:
    """In one statement, in which each row has all of the columns that any of them changes."""
    if not changes:
        return
    columns = tuple(sorted({name for row in changes for name in row.former}))
    rows = []
    for row in changes:
        now = customers[row.customer_id]
        kept = {name: now[name] for name in columns}
        rows.append({"id": row.customer_id} | kept | row.former)
    await context.session.execute(
        update_customers(columns), {"tenant": context.tenant.id, "rows": as_rows(rows)}
    )


def _values(rows: Sequence[Row[Any]], customers: Customers) -> list[Values]:
    pairs = [(row, customers[row.customer_id]) for row in rows if "custom_fields" in row.former]
    return [
        Values(now["id"], now["created_at"], now["custom_fields"], row.former["custom_fields"])
        for row, now in pairs
    ]


async def _record(
    context: Context,
    rows: Sequence[Row[Any]],
    customers: Customers,
    claims: dict[UUID, list[UUID]],
    values: dict[UUID, list[UUID]],
) -> None:
    await record_each(
        context,
        [
            Change(
                "customer.changed",
                (TABLE, row.customer_id),
                row.customer_id,
                plain({name: customers[row.customer_id][name] for name in row.former}) or {},
                row.former,
                {
                    IDENTIFIERS: claims.get(row.customer_id, []),
                    VALUES: values.get(row.customer_id, []),
                },
            )
            for row in rows
        ],
    )


def _settled(row: Row[Any], reason: str | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "outcome": "kept" if reason else "reverted",
        "customer_id": row.customer_id,
        "customer_number": row.customer_number,
        "problems": [{"message": reason, "code": "touched"}] if reason else None,
    }
