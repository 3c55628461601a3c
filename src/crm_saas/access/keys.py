"""API keys: create, rotate with an overlap, revoke. Revoked means refused at the next request."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, select

from crm_saas.access.errors import AlreadyRevoked
from crm_saas.access.models import ApiKey, KeyUse, Member, Team
from crm_saas.access.pages import page_after
from crm_saas.access.roles import permissions_of, staff_scope_of
from crm_saas.kit.context import Context
from crm_saas.kit.errors import Forbidden, InvalidInput, NotFound
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.kit.paging import Page, cut_page
from crm_saas.kit.queries import with_zone
from crm_saas.kit.tokens import Token, new_token

TABLE = "org_api_keys"
LIFETIME_MAX = timedelta(days=3653)


async def create_key(
    context: Context,
    *,
    name: str,
    role: str,
    scopes: list[str] | None = None,
    team_id: UUID | None = None,
    member_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, Token]:
    """The token is returned here and stored nowhere."""
    if unknown := sorted(set(scopes or []) - permissions_of(role)):
        raise InvalidInput.of(
            "scopes", f"{', '.join(unknown)}: the role `{role}` has no such permission"
        )
    _check_grant(context, scopes if scopes is not None else sorted(permissions_of(role)))
    if expires_at is not None:
        _check_expiry(expires_at)
    if team_id is not None:
        await _require(context, Team, team_id, "teamId")
    if member_id is not None:
        await _require(context, Member, member_id, "memberId")
    token = new_token("pk" if role == "publishable" else "sk", context.tenant.id)
    key = ApiKey(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        kind="publishable" if role == "publishable" else "secret",
        name=name,
        role=role,
        scopes=scopes,
        staff_scope=staff_scope_of(role),
        team_id=team_id,
        member_id=member_id,
        token_hash=token.hash,
        token_hint=token.hint,
        expires_at=expires_at,
    )
    context.session.add(key)
    await context.session.flush()
    await record(
        context,
        "key.created",
        subject=(TABLE, key.id),
        after={"name": name, "role": role, "scopes": scopes, "hint": key.token_hint},
    )
    return key, token


def _check_grant(context: Context, granted: list[str]) -> None:
    """Nobody hands out what they may not do themselves; the operator may."""
    if context.actor.kind != "system" and (lacking := set(granted) - context.actor.permissions):
        raise Forbidden(
            f"Your credential lacks {', '.join(sorted(lacking))} itself. "
            "Ask an owner, or name the scopes that the key needs."
        )


def _check_expiry(expires_at: datetime) -> None:
    if with_zone("expiresAt", expires_at) <= datetime.now(UTC):
        raise InvalidInput.of("expiresAt", "must lie in the future")
    if expires_at > datetime.now(UTC) + LIFETIME_MAX:
        raise InvalidInput.of("expiresAt", "may lie ten years ahead; leave it out for ever")


async def rotate_key(
    context: Context, *, key_id: UUID, overlap_seconds: int
) -> tuple[ApiKey, Token]:
    """A new key like the old one, for as long as that was made for; the old one ends after the
    overlap. Raises NotFound and AlreadyRevoked."""
    old, now = await access_key(context, key_id), datetime.now(UTC)
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise AlreadyRevoked("A key that has ended cannot be rotated. Create a new one.")
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    ends_at = now + timedelta(seconds=overlap_seconds)
    key, token = await create_key(
        context,
        name=old.name,
        role=old.role,
        scopes=old.scopes,
        team_id=old.team_id,
        member_id=old.member_id,
        expires_at=now + lifetime if lifetime else None,
    )
    old.expires_at = min(ends_at, old.expires_at) if old.expires_at else ends_at
    await context.session.flush()
    await record(
        context,
        "key.rotated",
        subject=(TABLE, old.id),
        after={"expiresAt": old.expires_at, "replacedBy": key.id},
    )
    return key, token


async def revoke_key(context: Context, *, key_id: UUID) -> ApiKey:
    key = await access_key(context, key_id)
    if key.revoked_at is not None:
        raise AlreadyRevoked("The key was revoked before; nothing changed.")
    key.revoked_at = datetime.now(UTC)
    await context.session.flush()
    await record(
        context, "key.revoked", subject=(TABLE, key.id), after={"revokedAt": key.revoked_at}
    )
    return key


async def access_key(context: Context, key_id: UUID) -> ApiKey:
    """Raises NotFound, for another tenant's key too."""
    key = await context.session.scalar(
        select(ApiKey)
        .where(ApiKey.tenant_org_id == context.tenant.id, ApiKey.id == key_id)
        .with_for_update()
    )
    if key is None:
        raise NotFound("There is no API key with this id.")
    return key


async def list_keys(
    context: Context, *, limit: int, cursor: str | None
) -> Page[tuple[ApiKey, datetime | None]]:
    """The keys, and when each was last used."""
    query = (
        select(ApiKey, KeyUse.last_used_at)
        .outerjoin(
            KeyUse,
            and_(
                KeyUse.tenant_org_id == ApiKey.tenant_org_id,
                KeyUse.id == ApiKey.id,
                KeyUse.tenant_org_id == context.tenant.id,
            ),
        )
        .where(ApiKey.tenant_org_id == context.tenant.id)
    )
    query = page_after(context, query, {"list": "keys"}, ApiKey.id, limit=limit, cursor=cursor)
    rows = ((key, used_at) for key, used_at in await context.session.execute(query))
    return cut_page(context, {"list": "keys"}, rows, limit, lambda row: [row[0].id])


async def _require(
    context: Context, kind: type[Team] | type[Member], row_id: UUID, field: str
) -> None:
    found = await context.session.scalar(
        select(kind.id).where(kind.tenant_org_id == context.tenant.id, kind.id == row_id)
    )
    if found is None:
        raise InvalidInput.of(field, "there is no such id in this tenant", "unknown")
