"""The claims of many customers at once: given up first, then taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from crm_saas.customers.identifiers import CLAIM_COLUMNS, Claim, claims_of, find_holders
from crm_saas.imports.matching import Decision
from crm_saas.imports.statements import ADD_CLAIMS, DROP_CLAIMS
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.recordsets import as_rows

Held = tuple[Claim, UUID]


@dataclass
class Moved:
    """The ids of rows that came or went, by the customer whose they are."""

    of_customer: dict[UUID, list[UUID]] = field(default_factory=dict)

    def note(self, customer_id: UUID, row_id: UUID) -> None:
        self.of_customer.setdefault(customer_id, []).append(row_id)


async def move_claims(context: Context, changing: Sequence[Decision]) -> Moved:
    """Of customers that change; an alias may be what they change to."""
    given_up = [(claim, d.customer_id) for d in changing for claim in d.given_up]
    wanted = [(claim, d.customer_id) for d in changing for claim in d.wanted]
    return await exchange(context, given_up=given_up, wanted=wanted)


async def exchange(context: Context, *, given_up: Sequence[Held], wanted: Sequence[Held]) -> Moved:
    moved = Moved()
    if given_up:
        rows = [
            {"kind": claim.kind, "value": claim.value, "customer_id": customer_id}
            for claim, customer_id in given_up
        ]
        gone = await context.session.execute(
            DROP_CLAIMS, {"tenant": context.tenant.id, "rows": as_rows(rows)}
        )
        for row in gone:
            moved.note(row.customer_id, row.id)
    held = {h.claim for h in await find_holders(context, [claim for claim, _ in wanted])}
    for customer_id, row_id in await _add(context, [w for w in wanted if w[0] not in held]):
        moved.note(customer_id, row_id)
    return moved


async def add_claims(context: Context, creating: Iterable[Decision]) -> list[UUID]:
    """Of customers that were just made. Returns the new rows, for the manifest."""
    wanted = [
        (claim, d.row.id)
        for d in creating
        for claim in claims_of({name: getattr(d.row, name) for name in CLAIM_COLUMNS.values()})
    ]
    return [row_id for _, row_id in await _add(context, wanted)]


async def _add(context: Context, wanted: Sequence[Held]) -> list[tuple[UUID, UUID]]:
    if not wanted:
        return []
    rows = [
        {"id": new_id(), "kind": claim.kind, "value": claim.value, "customer_id": customer_id}
        for claim, customer_id in wanted
    ]
    await context.session.execute(ADD_CLAIMS, {"tenant": context.tenant.id, "rows": as_rows(rows)})
    return [(row["customer_id"], row["id"]) for row in rows]  # type: ignore[misc]
