"""From credential to context: authenticates, resolves the tenant and sets the session variable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.datastructures import Headers
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.context import Actor, Context, Tenant
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Forbidden, Unauthorized
from crm_saas.kit.settings import Settings
from crm_saas.kit.tokens import Token, read_token

PermissionsOf = Callable[[str], frozenset[str]]

_WITH_KEY = text("select * from begin_with_key(:tenant, :hash)")
_WITH_SESSION = text("select * from begin_with_session(:hash, :slug)")


@dataclass(frozen=True)
class Caller:
    """What a request says of itself, before anything of it is believed."""

    token: Token
    tenant_slug: str | None
    request_id: str
    address: str | None


def read_caller(
    headers: Headers, settings: Settings, *, request_id: str, address: str | None
) -> Caller:
    """Raises Unauthorized without touching the database when the token cannot be one of ours."""
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthorized
    token = read_token(credential.strip())
    if token is None:
        raise Unauthorized("This is not a key of ours; it may be cut off.")
    return Caller(token, _named_tenant(headers, settings), request_id, address)


def _named_tenant(headers: Headers, settings: Settings) -> str | None:
    """`X-Tenant`, else the subdomain; only a wish until the credential confirms it."""
    if named := headers.get("x-tenant"):
        return named.strip().lower()
    host = headers.get("host", "").partition(":")[0].lower()
    domain = f".{settings.base_domain.lower()}"
    if settings.base_domain and host.endswith(domain):
        return host.removesuffix(domain)
    return None


async def resolve(
    session: AsyncSession, caller: Caller, database: Database, permissions_of: PermissionsOf
) -> Context:
    """One round trip. Raises Unauthorized or Forbidden."""
    if caller.token.kind == "st":
        tenant, actor = await _staff(session, caller, permissions_of)
    else:
        tenant, actor = await _key(session, caller, permissions_of)
    if caller.tenant_slug is not None and caller.tenant_slug != tenant.slug:
        raise Forbidden("The credential is not one of the tenant that X-Tenant or the host names.")
    if tenant.status != "active":
        raise Forbidden("This tenant is suspended. Ask the operator of the installation.")
    return Context(
        session=session,
        tenant=tenant,
        actor=actor,
        database=database,
        settings=database.settings,
        request_id=caller.request_id,
        address=caller.address,
    )


async def _key(
    session: AsyncSession, caller: Caller, permissions_of: PermissionsOf
) -> tuple[Tenant, Actor]:
    found = await session.execute(
        _WITH_KEY, {"tenant": caller.token.tenant_id, "hash": caller.token.hash}
    )
    row = found.first()
    if row is None:
        raise Unauthorized("The key is unknown, expired or revoked. Ask for a new one.")
    of_role = permissions_of(row.role)
    permissions = of_role if row.scopes is None else of_role & frozenset(row.scopes)
    actor = Actor(
        kind="key",
        id=row.key_id,
        name=row.name,
        role=row.role,
        permissions=permissions,
        left_out=of_role - permissions,
        staff_scope=row.staff_scope,
        member_id=row.member_id,
        team_ids=tuple(row.team_ids),
    )
    return _tenant(row), actor


async def _staff(
    session: AsyncSession, caller: Caller, permissions_of: PermissionsOf
) -> tuple[Tenant, Actor]:
    found = await session.execute(
        _WITH_SESSION, {"hash": caller.token.hash, "slug": caller.tenant_slug}
    )
    row = found.first()
    if row is None:
        raise Unauthorized("The session has ended. Sign in again.")
    if row.settings is None:
        raise Forbidden(_which_tenant(caller, row))
    actor = Actor(
        kind="staff",
        id=row.staff_id,
        name=row.name,
        role=row.role,
        permissions=permissions_of(row.role),
        staff_scope=row.staff_scope,
        member_id=row.member_id,
        team_ids=tuple(row.team_ids),
        session_id=row.session_id,
    )
    return _tenant(row), actor


def _which_tenant(caller: Caller, row: Row[Any]) -> str:
    if caller.tenant_slug is None and row.tenant_count > 1:
        return "You belong to several tenants: name one in the X-Tenant header."
    return "You do not belong to the staff of this tenant."


def _tenant(row: Row[Any]) -> Tenant:
    return msgspec.convert(row.settings, Tenant)
