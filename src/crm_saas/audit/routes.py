from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import FromQuery, QueryParameter

from crm_saas.audit.kinds import EventKind
from crm_saas.audit.queries import list_events
from crm_saas.audit.schemas import EventList
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems


@get("/audit", permission="audit:read", responses=problems())
async def read_audit_trail(
    context: RequestContext,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    kind: FromQuery[EventKind | None] = None,
    customer_id: Annotated[UUID | None, QueryParameter(name="customerId")] = None,
    actor_id: Annotated[UUID | None, QueryParameter(name="actorId")] = None,
    at_from: Annotated[datetime | None, QueryParameter(name="from")] = None,
    at_before: Annotated[datetime | None, QueryParameter(name="before")] = None,
) -> EventList:
    """Every change and every sensitive read, newest first."""
    return await list_events(
        context,
        limit=limit,
        cursor=cursor,
        kind=kind,
        customer_ids=[customer_id] if customer_id else (),
        actor_id=actor_id,
        at_from=at_from,
        at_before=at_before,
    )


ROUTES = [read_audit_trail]
