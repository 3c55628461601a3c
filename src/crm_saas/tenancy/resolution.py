"""From credential to tenant and actor: authenticates, and sets the session variables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from crm_saas.kit.bodies import Headers
from crm_saas.kit.context import ANY_CREDENTIAL, Actor, Tenant
from crm_saas.kit.ending import Ending
from crm_saas.kit.errors import Forbidden, Unauthorized
from crm_saas.kit.idempotency import CLAIMED
from crm_saas.kit.settings import Settings
from crm_saas.kit.tokens import Token, read_token
from crm_saas.kit.wire import Call, Statement

PermissionsOf = Callable[[str], frozenset[str]]
RolesWith = Callable[[str], str]
"""From a permission to PostgreSQL's array of the roles that have it, ready to be sent."""

_KEY_COLUMNS = (
    "k.key_id, k.name, k.role, k.scopes, k.staff_scope, k.member_id, k.team_ids, k.settings::text, "
    "now()"
)
_BEGIN_WITH_KEY = "begin_with_key(%(tenant)s, %(hash)s, %(needed)s, %(roles)s) as k"
_WITH_KEY = Statement(f"select {_KEY_COLUMNS} from {_BEGIN_WITH_KEY}")  # noqa: S608
# The claim is the found key's, of the tenant that the first function has set: after it, and for
# whom that refuses, of none.
_WITH_KEY_AND_CLAIM = Statement(
    f"select {_KEY_COLUMNS}, {', '.join(f'c.{name}' for name in CLAIMED)} "  # noqa: S608
    f"from {_BEGIN_WITH_KEY} left join lateral claim_idempotency_key("
    "nullif(current_setting('app.tenant_org_id', true), '')::uuid, %(number)s, "
    "'key:' || k.key_id, %(route)s, %(key)s) as c on true"
)
_WITH_SESSION = Statement(
    "select session_id, staff_id, name, tenant_count, role, staff_scope, member_id, team_ids, "
    "settings::text, now() from begin_with_session(%(hash)s, %(slug)s)"
)


class _Key(NamedTuple):
    key_id: UUID
    name: str
    role: str
    scopes: list[str] | None
    staff_scope: Literal["all", "team", "own"]
    member_id: UUID | None
    team_ids: list[UUID]
    settings: str
    began_at: datetime


class _Session(NamedTuple):
    session_id: UUID
    staff_id: UUID
    name: str
    tenant_count: int
    role: str
    staff_scope: Literal["all", "team", "own"]
    member_id: UUID | None
    team_ids: list[UUID]
    settings: str | None
    began_at: datetime


@dataclass(frozen=True)
class Caller:
    """What a request says of itself, before anything of it is believed."""

    token: Token
    tenant_slug: str | None
    request_id: str
    address: str | None

    @cached_property
    def hash(self) -> bytes:
        return self.token.hash


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


def authenticating(caller: Caller) -> Call:
    """Its one row is what `resolve` reads; it sets the scope for what follows it."""
    if caller.token.kind == "st":
        return _WITH_SESSION.with_values(hash=caller.hash, slug=caller.tenant_slug)
    return _WITH_KEY.with_values(**_key_values(caller, None, None))


def authenticating_for(caller: Caller, permission: str, roles: str) -> Call:
    """For a key, with a statement that is sent along: these are the roles that have the permission,
    and for others the statement meets no tenant."""
    return _WITH_KEY.with_values(**_key_values(caller, permission, roles))


def authenticating_with_claim(
    caller: Caller, permission: str, roles: str, asked: Mapping[str, Any]
) -> Call:
    """The same with the claim of an Idempotency-Key; `claimed_by` separates what comes of both."""
    values = _key_values(caller, permission, roles)
    return _WITH_KEY_AND_CLAIM.with_values(**values, **asked)


def claimed_by(found: Sequence[Any]) -> tuple[list[Any], Sequence[Any] | None]:
    """The rows of the credential, and the claim's; None where there is none."""
    split = len(_Key._fields)
    of_key = [row[:split] for row in found]
    claim = found[0][split:] if found else (None,)
    return of_key, None if claim[0] is None else claim


def _key_values(caller: Caller, permission: str | None, roles: str | None) -> dict[str, Any]:
    needed = None if permission == ANY_CREDENTIAL else permission
    return {
        "tenant": caller.token.tenant_id,
        "hash": caller.hash,
        "needed": needed,
        "roles": roles,
    }


def resolve(
    caller: Caller, found: Sequence[Any], permissions_of: PermissionsOf
) -> tuple[Tenant, Actor]:
    """Raises Unauthorized or Forbidden."""
    if caller.token.kind == "st":
        tenant, actor = _staff(caller, found, permissions_of)
    else:
        tenant, actor = _key(found, permissions_of)
    if caller.tenant_slug is not None and caller.tenant_slug != tenant.slug:
        raise Forbidden("The credential is not one of the tenant that X-Tenant or the host names.")
    if tenant.status != "active":
        raise Forbidden("This tenant is suspended. Ask the operator of the installation.")
    return tenant, actor


def ending_of(found: Sequence[Any]) -> Ending | None:
    """Of the transaction that has authenticated the caller."""
    return Ending(began_at=found[0][-1]) if found else None


def _key(found: Sequence[Any], permissions_of: PermissionsOf) -> tuple[Tenant, Actor]:
    if not found:
        raise Unauthorized("The key is unknown, expired or revoked. Ask for a new one.")
    row = _Key(*found[0])
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
    return _tenant(row.settings), actor


def _staff(
    caller: Caller, found: Sequence[Any], permissions_of: PermissionsOf
) -> tuple[Tenant, Actor]:
    if not found:
        raise Unauthorized("The session has ended. Sign in again.")
    row = _Session(*found[0])
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
    return _tenant(row.settings), actor


def _which_tenant(caller: Caller, row: _Session) -> str:
    if caller.tenant_slug is None and row.tenant_count > 1:
        return "You belong to several tenants: name one in the X-Tenant header."
    return "You do not belong to the staff of this tenant."


def _tenant(settings: str) -> Tenant:
    return msgspec.json.decode(settings, type=Tenant)
