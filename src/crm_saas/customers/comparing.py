"""Customers that changed and wait to be compared with the others (SPEC 5.1).

A row costs a request one narrow insert and no job. A job takes the rows in bulk (merges/tasks.py),
and removes them only as it read them: what changed meanwhile has another time, and stays.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.context import Context
from crm_saas.kit.events import Event
from crm_saas.kit.models import Base, TenantOwned

_COMPARED = frozenset(
    {"name", "name2", "first_name", "phone", "email", "date_of_birth", "company_name"}
)


class CustomerToCompare(TenantOwned, Base):
    """`id` is the customer's. No foreign key: it would lock the customer's row, to guard nothing.

    Where the row may be there already, write `on conflict … do update set noted_at`, as `note`
    does: a job may have read the old row and be about to remove it.
    """

    __tablename__ = "org_customers_to_compare"

    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Noted(NamedTuple):
    id: UUID
    noted_at: datetime


async def note_change(context: Context, event: Event) -> None:
    """Handles events of customers; those that changed nothing comparable are not noted."""
    if is_compared(event.before or {}) or is_compared(event.after or {}):
        await note_event(context, event)


def is_compared(values: Mapping[str, Any]) -> bool:
    """Whether anything of it may show a duplicate."""
    return any(values.get(name) for name in _COMPARED)


async def note_event(context: Context, event: Event) -> None:
    if event.customer_id is not None:
        await note(context, [event.customer_id])


async def note(context: Context, customer_ids: Collection[UUID]) -> None:
    """In the order of the ids, so that two that meet wait for each other in turn."""
    if not customer_ids:
        return
    fresh = insert(CustomerToCompare).values(
        [{"tenant_org_id": context.tenant.id, "id": row_id} for row_id in sorted(customer_ids)]
    )
    await context.session.execute(
        fresh.on_conflict_do_update(
            index_elements=["tenant_org_id", "id"], set_={"noted_at": fresh.excluded.noted_at}
        )
    )


async def count_noted(context: Context, most: int) -> int:
    rows = select(CustomerToCompare.id).where(CustomerToCompare.tenant_org_id == context.tenant.id)
    counted = await context.session.scalar(
        select(func.count()).select_from(rows.limit(most).subquery())
    )
    return counted or 0


async def noted_since(context: Context, since: datetime) -> bool:
    return await _any_noted(context, CustomerToCompare.noted_at > since)


async def noted_before(context: Context, moment: datetime) -> bool:
    return await _any_noted(context, CustomerToCompare.noted_at < moment)


async def _any_noted(context: Context, when: ColumnElement[bool]) -> bool:
    found = await context.session.scalar(
        select(CustomerToCompare.id)
        .where(CustomerToCompare.tenant_org_id == context.tenant.id, when)
        .limit(1)
    )
    return found is not None


async def read_noted(context: Context, most: int) -> list[Noted]:
    """The rows are not locked: a request that changes a customer never waits for the job."""
    rows = await context.session.execute(
        select(CustomerToCompare.id, CustomerToCompare.noted_at)
        .where(CustomerToCompare.tenant_org_id == context.tenant.id)
        .order_by(CustomerToCompare.id)
        .limit(most)
    )
    return [Noted(*row) for row in rows]


async def remove_noted(context: Context, noted: Sequence[Noted]) -> None:
    """Removes what is still as it was read, and leaves what a request is writing just now."""
    if not noted:
        return
    ours = CustomerToCompare.tenant_org_id == context.tenant.id
    as_read = tuple_(CustomerToCompare.id, CustomerToCompare.noted_at).in_(noted)
    free = await context.session.scalars(
        select(CustomerToCompare.id).where(ours, as_read).with_for_update(skip_locked=True)
    )
    await context.session.execute(
        delete(CustomerToCompare)
        .where(ours, CustomerToCompare.id.in_(free.all()))
        .execution_options(synchronize_session=False)
    )


async def forget_noted(context: Context, *, before: datetime) -> None:
    """All that waited then has been compared otherwise."""
    await context.session.execute(
        delete(CustomerToCompare)
        .where(
            CustomerToCompare.tenant_org_id == context.tenant.id,
            CustomerToCompare.noted_at < before,
        )
        .execution_options(synchronize_session=False)
    )
