from datetime import datetime
from typing import Any
from uuid import UUID

from crm_saas.kit.schemas import Struct


class EventView(Struct):
    """One record of the trail: who did what, from where, and what it was before and after."""

    id: UUID
    kind: str
    at: datetime
    subject_table: str
    subject_id: UUID | None
    customer_id: UUID | None
    actor_kind: str
    actor_id: UUID | None
    actor_name: str
    actor_role: str
    request_id: str
    address: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class EventList(Struct):
    items: list[EventView]
    next_cursor: str | None
