from typing import Any
from uuid import UUID

from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody

from crm_saas.access import keys, staff
from crm_saas.access.errors import AlreadyRevoked, NameTaken, WrongCredentials
from crm_saas.access.schemas import (
    CreateKey,
    CreateTeam,
    KeyList,
    KeyView,
    LogIn,
    MemberList,
    NewKeyView,
    RotateKey,
    SessionList,
    SignedIn,
    TeamList,
    TeamView,
    WhoAmI,
)
from crm_saas.access.views import view_key, view_member, view_new_key
from crm_saas.kit.context import ANY_CREDENTIAL
from crm_saas.kit.dependencies import AppDatabase, RequestContext
from crm_saas.kit.errors import NotFound
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems
from crm_saas.kit.schemas import provided


@post("/auth/login", public=True, status_code=200, responses=problems(WrongCredentials))
async def log_in(
    request: Request[Any, Any, Any], database: AppDatabase, data: JSONBody[LogIn]
) -> SignedIn:
    return await staff.log_in(
        database,
        email=data.email,
        password=data.password,
        address=request.scope["state"]["address"],
        user_agent=request.headers.get("user-agent"),
        request_id=request.scope["state"]["request_id"],
    )


@post("/auth/logout", permission="session:self", status_code=204, responses=problems(NotFound))
async def log_out(context: RequestContext) -> None:
    if context.actor.session_id is None:
        raise NotFound("An API key has no session. Revoke the key instead.")
    await staff.revoke_session(context, session_id=context.actor.session_id)


@get("/auth/me", permission=ANY_CREDENTIAL, responses=problems())
async def who_am_i(context: RequestContext) -> WhoAmI:
    actor, tenant = context.actor, context.tenant
    return WhoAmI(
        kind=actor.kind,
        id=actor.id,
        name=actor.name,
        role=actor.role,
        staff_scope=actor.staff_scope,
        permissions=sorted(actor.permissions),
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        tenant_name=tenant.name,
    )


@get("/auth/sessions", permission="session:self", responses=problems())
async def list_sessions(context: RequestContext) -> SessionList:
    return SessionList(items=await staff.list_sessions(context))


@delete("/auth/sessions/{session_id:uuid}", permission="session:self", responses=problems(NotFound))
async def revoke_session(context: RequestContext, session_id: FromPath[UUID]) -> None:
    await staff.revoke_session(context, session_id=session_id)


@get("/keys", permission="keys:manage", responses=problems())
async def list_keys(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> KeyList:
    page = await keys.list_keys(context, limit=limit, cursor=cursor)
    return KeyList(items=[view_key(*row) for row in page.rows], next_cursor=page.next_cursor)


@post("/keys", permission="keys:manage", responses=problems())
async def create_key(context: RequestContext, data: JSONBody[CreateKey]) -> NewKeyView:
    return view_new_key(*await keys.create_key(context, **provided(data)))  # type: ignore[arg-type]


@post(
    "/keys/{key_id:uuid}/rotate",
    permission="keys:manage",
    responses=problems(NotFound, AlreadyRevoked),
)
async def rotate_key(
    context: RequestContext, key_id: FromPath[UUID], data: JSONBody[RotateKey]
) -> NewKeyView:
    return view_new_key(
        *await keys.rotate_key(context, key_id=key_id, overlap_seconds=data.overlap_seconds)
    )


@delete(
    "/keys/{key_id:uuid}",
    permission="keys:manage",
    status_code=200,
    responses=problems(NotFound, AlreadyRevoked),
)
async def revoke_key(context: RequestContext, key_id: FromPath[UUID]) -> KeyView:
    return view_key(await keys.revoke_key(context, key_id=key_id))


@get("/staff", permission="staff:read", responses=problems())
async def list_members(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> MemberList:
    page = await staff.list_members(context, limit=limit, cursor=cursor)
    return MemberList(items=[view_member(m) for m in page.rows], next_cursor=page.next_cursor)


@get("/teams", permission="staff:read", responses=problems())
async def list_teams(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> TeamList:
    page = await staff.list_teams(context, limit=limit, cursor=cursor)
    items = [TeamView(id=team.id, name=team.name) for team in page.rows]
    return TeamList(items=items, next_cursor=page.next_cursor)


@post("/teams", permission="staff:manage", responses=problems(NameTaken))
async def create_team(context: RequestContext, data: JSONBody[CreateTeam]) -> TeamView:
    team = await staff.create_team(context, name=data.name)
    return TeamView(id=team.id, name=team.name)


ROUTES = [
    log_in, log_out, who_am_i, list_sessions, revoke_session,
    list_keys, create_key, rotate_key, revoke_key,
    list_members, list_teams, create_team,
]  # fmt: skip
