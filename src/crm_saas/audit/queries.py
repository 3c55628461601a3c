"""Reading the trail (SPEC 1.7), newest first."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select, tuple_

from crm_saas.audit.kinds import EventKind
from crm_saas.audit.schemas import EventList, EventView
from crm_saas.kit.context import Context
from crm_saas.kit.events import Event
from crm_saas.kit.masking import mask_contacts
from crm_saas.kit.paging import cut_page, read_cursor
from crm_saas.kit.queries import with_zone

_SAME = (
    "id", "kind", "subject_table", "subject_id", "customer_id", "actor_kind", "actor_id",
    "actor_name", "actor_role", "request_id", "address",
)  # fmt: skip
_INTERNAL = re.compile(r".*_key|.*_norm|person_id")
# Objects whose names are the tenant's own.
_OF_THE_TENANT = frozenset({"preferences", "preferences_schema"})


async def list_events(
    context: Context,
    *,
    limit: int,
    cursor: str | None,
    customer_ids: Sequence[UUID] = (),
    kind: EventKind | None = None,
    actor_id: UUID | None = None,
    at_from: datetime | None = None,
    at_before: datetime | None = None,
) -> EventList:
    question = {
        "list": "events",
        "customers": list(customer_ids),
        "kind": kind,
        "actor": actor_id,
        "from": at_from,
        "before": at_before,
    }
    query = select(Event).where(Event.tenant_org_id == context.tenant.id)
    if customer_ids:
        query = query.where(Event.customer_id.in_(customer_ids))
    if kind is not None:
        query = query.where(Event.kind == kind)
    if actor_id is not None:
        query = query.where(Event.actor_id == actor_id)
    if at_from is not None:
        query = query.where(Event.created_at >= with_zone("from", at_from))
    if at_before is not None:
        query = query.where(Event.created_at < with_zone("before", at_before))
    if cursor is not None:
        created_at, event_id = read_cursor(context, question, cursor, tuple[datetime, UUID])
        query = query.where(
            tuple_(Event.created_at, Event.id) < tuple_(literal(created_at), literal(event_id))
        )
    query = query.order_by(Event.created_at.desc(), Event.id.desc()).limit(limit + 1)
    found = await context.session.scalars(query)
    page = cut_page(context, question, found, limit, lambda event: [event.created_at, event.id])
    return EventList(
        items=[_view(context, event) for event in page.rows], next_cursor=page.next_cursor
    )


def _view(context: Context, event: Event) -> EventView:
    same: dict[str, Any] = {name: getattr(event, name) for name in _SAME}
    whole = context.actor.may("customers:unmask")
    return EventView(
        **same,
        at=event.created_at,
        before=shown(event.before if whole else mask_contacts(event.before)),
        after=shown(event.after if whole else mask_contacts(event.after)),
    )


def shown(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """An event's values under the names of the API, without what the API never shows."""
    if values is None:
        return None
    return {
        _camel(name): value if name in _OF_THE_TENANT else _renamed(value)
        for name, value in values.items()
        if not _INTERNAL.fullmatch(name)
    }


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def _renamed(value: Any) -> Any:
    match value:
        case dict():
            return shown(value)
        case list():
            return [_renamed(item) for item in value]
    return value
