"""How rows that point at a customer follow it into a merge and back.

wiring.MERGE_MOVES lists every reference to a customer, in the form of one of these; a test
compares the list with the foreign keys in the catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from crm_saas.kit.context import Context
from crm_saas.merges.manifest import Moved, MovedRow

Attribute = InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Reference:
    """A column that holds a customer's id."""

    attribute: Attribute

    @property
    def table(self) -> Table:
        table: Table = self.attribute.class_.__table__
        return table

    @property
    def column(self) -> ColumnElement[Any]:
        return self.table.c[self.attribute.key]

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.attribute.key}"


@dataclass(frozen=True)
class Moves(Reference):
    """The rows go to the survivor, and back with an undo.

    `at_most_one` is a flag that one row of a customer carries at the most, and one of them always:
    the survivor's stays where it is. Versions and times of change stay as they are: whose a row
    is was decided, and nothing in it was edited.
    """

    at_most_one: Attribute | None = None


@dataclass(frozen=True)
class Claims(Reference):
    """Moves too; an undo brings back what nobody else has taken since (merges/contacts.py)."""


@dataclass(frozen=True)
class Stays(Reference):
    """The rows keep pointing at whom they name; `why` is for the reader."""

    why: str


@dataclass(frozen=True)
class Follows(Reference):
    """The rows are made of what the customer's own row holds: after a merge and after an undo they
    are laid out anew, by whom `why` names."""

    why: str


_declared: list[Reference] = []


def declare(references: Sequence[Reference]) -> None:
    """Called by wiring, once, with the whole list."""
    _declared[:] = references


def moving() -> list[Moves]:
    return [reference for reference in _declared if isinstance(reference, Moves)]


def following() -> list[Reference]:
    """All that goes to the survivor, claims among it."""
    return [r for r in _declared if not isinstance(r, (Stays, Follows))]


async def count_rows(context: Context, reference: Reference, customer_id: UUID) -> int:
    counted = await context.session.scalar(
        select(func.count())
        .select_from(reference.table)
        .where(_of(context, reference, customer_id))
    )
    return counted or 0


async def move_rows(context: Context, move: Moves, *, source_id: UUID, target_id: UUID) -> Moved:
    moved = Moved(
        await _rows_of(context, move, source_id), await _flagged(context, move, target_id)
    )
    values: dict[str, Any] = {move.attribute.key: target_id}
    if move.at_most_one is not None and moved.held is not None:
        values[move.at_most_one.key] = False
    if moved.rows:
        await _write(context, move, _of(context, move, source_id), values)
    return moved


async def move_back(
    context: Context, move: Moves, moved: Moved, *, source_id: UUID, target_id: UUID
) -> "Returned":
    """Rows that are gone, or at somebody else's, are left out and told of."""
    before = {row.id: row for row in moved.rows}
    came = _of(context, move, target_id) & move.table.c.id.in_(list(before))
    now = {row.id: row for row in await _rows_where(context, move, came)}
    if now:
        await _write(context, move, came, {move.attribute.key: source_id})
    flagged = next((row.id for row in moved.rows if row.flagged), None)
    touched = set(now)
    touched |= await _settle_flag(context, move, source_id, flagged)
    touched |= await _settle_flag(context, move, target_id, moved.held)
    return Returned(
        touched=sorted(touched),
        gone=[row_id for row_id in before if row_id not in now],
        edited=[row_id for row_id, row in now.items() if row.version != before[row_id].version],
    )


async def added_since(
    context: Context, move: Moves, customer_id: UUID, merge_id: UUID, most: int
) -> list[UUID]:
    """By their ids: they hold their time, and were made under the survivor's lock."""
    newer = _of(context, move, customer_id) & (move.table.c.id > merge_id)
    rows = await context.session.scalars(
        select(move.table.c.id).where(newer).order_by(move.table.c.id).limit(most)
    )
    return list(rows)


@dataclass(frozen=True)
class Returned:
    """`touched` names every row that the undo changed."""

    touched: list[UUID]
    gone: list[UUID]
    edited: list[UUID]


async def _settle_flag(
    context: Context, move: Moves, customer_id: UUID, former: UUID | None
) -> set[UUID]:
    """Gives the flag to the row that had it, or else to the newest, where none has it."""
    if move.at_most_one is None:
        return set()
    rows = await _rows_of(context, move, customer_id)
    if not rows or any(row.flagged for row in rows):
        return set()
    heir = former if former in {row.id for row in rows} else rows[-1].id
    condition = _of(context, move, customer_id) & (move.table.c.id == heir)
    await _write(context, move, condition, {move.at_most_one.key: True})
    return {heir} if heir else set()


async def _flagged(context: Context, move: Moves, customer_id: UUID) -> UUID | None:
    if move.at_most_one is None:
        return None
    rows = await _rows_of(context, move, customer_id)
    return next((row.id for row in rows if row.flagged), None)


async def _rows_of(context: Context, move: Moves, customer_id: UUID) -> list[MovedRow]:
    return await _rows_where(context, move, _of(context, move, customer_id))


async def _rows_where(
    context: Context, move: Moves, condition: ColumnElement[bool]
) -> list[MovedRow]:
    table = move.table
    columns = [table.c.id]
    columns += [table.c.version] if "version" in table.c else []
    columns += [table.c[move.at_most_one.key].label("flagged")] if move.at_most_one else []
    rows = await context.session.execute(select(*columns).where(condition).order_by(table.c.id))
    return [MovedRow(**row) for row in rows.mappings()]


async def _write(
    context: Context, move: Moves, condition: ColumnElement[bool], values: dict[str, Any]
) -> None:
    if "updated_at" in move.table.c:
        values["updated_at"] = move.table.c.updated_at
    await context.session.execute(update(move.table).where(condition).values(values))


def _of(context: Context, reference: Reference, customer_id: UUID) -> ColumnElement[bool]:
    tenant: ColumnElement[bool] = reference.table.c.tenant_org_id == context.tenant.id
    return tenant & (reference.column == customer_id)
