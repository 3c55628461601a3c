"""Who somebody is now that asked for something, when it is done without them."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from crm_saas.access.models import ApiKey, Member
from crm_saas.access.roles import permissions_of
from crm_saas.kit.context import Actor, Context


async def find_actor(context: Context, *, kind: str, actor_id: UUID | None) -> Actor | None:
    """A key or a member of staff with the role, the scopes and the reach that they have now; none
    for a revoked or ended key, and for who left."""
    find = {"key": _key, "staff": _member}.get(kind)
    return await find(context, actor_id) if find and actor_id else None


async def _key(context: Context, key_id: UUID) -> Actor | None:
    key = await context.session.scalar(
        select(ApiKey).where(
            ApiKey.tenant_org_id == context.tenant.id,
            ApiKey.id == key_id,
            ApiKey.revoked_at.is_(None),
        )
    )
    if key is None or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
        return None
    of_role = permissions_of(key.role)
    permissions = of_role if key.scopes is None else of_role & frozenset(key.scopes)
    return Actor(
        kind="key",
        id=key.id,
        name=key.name,
        role=key.role,
        permissions=permissions,
        left_out=of_role - permissions,
        staff_scope=key.staff_scope,  # type: ignore[arg-type]
        member_id=key.member_id,
        team_ids=() if key.team_id is None else (key.team_id,),
    )


async def _member(context: Context, staff_id: UUID) -> Actor | None:
    member = await context.session.scalar(
        select(Member).where(
            Member.tenant_org_id == context.tenant.id,
            Member.staff_id == staff_id,
            Member.status == "active",
        )
    )
    if member is None:
        return None
    return Actor(
        kind="staff",
        id=member.staff_id,
        name=member.name,
        role=member.role,
        permissions=permissions_of(member.role),
        staff_scope=member.staff_scope,  # type: ignore[arg-type]
        member_id=member.id,
        team_ids=() if member.team_id is None else (member.team_id,),
    )
