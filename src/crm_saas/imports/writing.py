"""A chunk of decisions into the tables: a handful of statements, whatever the number of rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_saas.addresses.importing import NewAddress, insert_addresses
from crm_saas.custom.bulk import Values, lay_out_many
from crm_saas.custom.models import VALUES
from crm_saas.customers import comparing
from crm_saas.customers.assignment import default_assignment
from crm_saas.customers.fields import DEFAULT_STAGES
from crm_saas.customers.insertion import IDENTIFIERS, TABLE, guest_expiry
from crm_saas.imports.checking import written_columns
from crm_saas.imports.claiming import Moved, add_claims, move_claims
from crm_saas.imports.matching import Decision
from crm_saas.imports.models import TABLE as IMPORTS
from crm_saas.imports.plans import KeptPlan
from crm_saas.imports.statements import (
    ADDRESSES_OF_ROWS,
    SETTLE,
    TAKE_NUMBERS,
    insert_customers,
    update_customers,
)
from crm_saas.kit.context import Context
from crm_saas.kit.events import Change, record, record_each
from crm_saas.kit.ids import new_id
from crm_saas.kit.recordsets import as_rows

ADDRESSES = "org_customer_addresses_mst"
_DONE = {"create": "created", "update": "updated"}


async def write_chunk(
    context: Context, import_id: UUID, plan: KeptPlan, decisions: Sequence[Decision]
) -> None:
    """Customers, claims, addresses and records; then what became of each row.

    The claims and the customers are locked by the caller; the counter comes last of the locks.
    """
    changing = [d for d in decisions if d.outcome == "update"]
    creating = [d for d in decisions if d.outcome == "create"]
    versions = await _update(context, plan, [d for d in changing if d.after])
    moved = await move_claims(context, changing)
    addresses = [d.new_address for d in changing if d.new_address]
    addresses += await _first_addresses(context, creating)
    numbers = await _create(context, plan, creating)
    claims = await add_claims(context, creating)
    await insert_addresses(context, addresses)
    values = await lay_out_many(context, [_values(d) for d in decisions if _has_values(d)])
    made: dict[str, Sequence[UUID]] = {
        TABLE: [d.row.id for d in creating],
        IDENTIFIERS: claims,
        ADDRESSES: [address.id for address in addresses],
        VALUES: [row_id for d in creating for row_id in values.get(d.row.id, [])],
    }
    await _record(context, import_id, made)
    await _record_changes(context, changing, moved, values)
    await comparing.note(context, [d.customer_id for d in (*creating, *changing)])
    added = {address.customer_id: address.id for address in addresses}
    await settle(context, [_settled(d, numbers, versions, added) for d in decisions])


async def _update(
    context: Context, plan: KeptPlan, changing: Sequence[Decision]
) -> dict[UUID, int]:
    """The versions that they have now."""
    if not changing:
        return {}
    columns = sorted(written_columns(plan) | {"display_name"})
    rows = [
        {"id": d.customer_id} | {name: getattr(d.customer, name) for name in columns} | d.after
        for d in changing
    ]
    written = await context.session.execute(
        update_customers(tuple(columns)), {"tenant": context.tenant.id, "rows": as_rows(rows)}
    )
    return {row.id: row.version for row in written}


async def _create(
    context: Context, plan: KeptPlan, creating: Sequence[Decision]
) -> dict[UUID, str]:
    """The numbers of the new customers, in the order of the rows."""
    if not creating:
        return {}
    taken = await context.session.execute(
        TAKE_NUMBERS, {"tenant": context.tenant.id, "count": len(creating)}
    )
    numbered = [
        {"id": d.row.id, "number": number, "sequence": sequence}
        for d, (number, sequence) in zip(creating, taken, strict=True)
    ]
    stages = context.tenant.policy("journey_stages", DEFAULT_STAGES)
    assigned = default_assignment(context)
    await context.session.execute(
        insert_customers(tuple(sorted(written_columns(plan)))),
        {
            "tenant": context.tenant.id,
            "numbered": as_rows(numbered),
            "stage": stages[0],
            "expires_at": guest_expiry(context, "guest"),
            "member": assigned.get("assigned_to"),
            "team": assigned.get("team_id"),
        },
    )
    return {row["id"]: row["number"] for row in numbered}


async def _first_addresses(context: Context, creating: Sequence[Decision]) -> list[NewAddress]:
    ids = [d.row.id for d in creating if d.row.has_address]
    if not ids:
        return []
    rows = await context.session.execute(
        ADDRESSES_OF_ROWS, {"tenant": context.tenant.id, "ids": ids}
    )
    return [NewAddress(new_id(), row.id, True, row.address) for row in rows]


def _has_values(decision: Decision) -> bool:
    if decision.outcome == "create":
        return bool(decision.row.custom_fields)
    return "custom_fields" in decision.after


def _values(decision: Decision) -> Values:
    if decision.customer is None:
        return Values(decision.row.id, None, {}, decision.row.custom_fields)
    before, after = decision.before["custom_fields"], decision.after["custom_fields"]
    return Values(decision.customer_id, decision.customer.created_at, before, after)


async def _record(context: Context, import_id: UUID, made: dict[str, Sequence[UUID]]) -> None:
    """One record, with the manifest of what was made."""
    await record(
        context,
        "customers.imported",
        subject=(IMPORTS, import_id),
        after={"customers": len(made[TABLE]), "addresses": len(made[ADDRESSES])},
        rows=made,
    )


async def _record_changes(
    context: Context, changing: Sequence[Decision], moved: Moved, values: dict[UUID, list[UUID]]
) -> None:
    """One record each, so that it is in the customer's history and can be erased with it."""
    await record_each(
        context,
        [
            Change(
                "customer.stage_moved" if "journey_stage" in d.after else "customer.changed",
                (TABLE, d.customer_id),
                d.customer_id,
                d.before,
                d.after,
                {
                    IDENTIFIERS: moved.of_customer.get(d.customer_id, []),
                    VALUES: values.get(d.customer_id, []),
                },
            )
            for d in changing
            if d.after
        ],
    )


def _settled(
    decision: Decision,
    numbers: dict[UUID, str],
    versions: dict[UUID, int],
    added: dict[UUID, UUID],
) -> dict[str, Any]:
    """What became of a row. `former` and the version are what a revert goes by."""
    customer, outcome = decision.customer, outcome_of(decision)
    done = outcome in _DONE.values()
    known = customer is not None or outcome == "created"
    version = versions.get(decision.customer_id, customer.version if customer else 1)
    return {
        "id": decision.row.id,
        "outcome": outcome,
        "customer_id": decision.customer_id if known else None,
        "customer_number": (customer.customer_number if customer else numbers.get(decision.row.id)),
        "customer_version": version if done else None,
        "address_id": added.get(decision.customer_id) if done else None,
        "former": decision.before or None,
        "problems": decision.problems or None,
    }


def foreseen(decision: Decision) -> dict[str, Any]:
    """What a dry run says of a row."""
    customer = decision.customer
    return {
        "id": decision.row.id,
        "outcome": decision.outcome,
        "customer_id": customer and customer.id,
        "customer_number": customer and customer.customer_number,
        "problems": decision.problems or None,
    }


def outcome_of(decision: Decision) -> str:
    return _DONE.get(decision.outcome, decision.outcome)


async def settle(context: Context, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await context.session.execute(SETTLE, {"tenant": context.tenant.id, "rows": as_rows(rows)})
