"""Whether somebody who asked for something may still do it, when it is done without them."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from crm_saas.access.models import ApiKey, Member
from crm_saas.access.roles import permissions_of
from crm_saas.kit.context import Actor, Context


async def find_standing(context: Context, *, kind: str, actor_id: UUID) -> Actor | None:
    """The actor with what it may do and see now; None for a revoked, ended or disabled one."""
    if kind == "key":
        return await _standing_of_key(context, actor_id)
    return await _standing_of_staff(context, actor_id) if kind == "staff" else None


async def _standing_of_key(context: Context, key_id: UUID) -> Actor | None:
    key = await context.session.scalar(
        select(ApiKey).where(ApiKey.tenant_org_id == context.tenant.id, ApiKey.id == key_id)
    )
    if key is None or key.revoked_at is not None or _is_over(key.expires_at):
        return None
    held = permissions_of(key.role)
    return Actor(
        kind="key",
        id=key.id,
        name=key.name,
        role=key.role,
        permissions=held if key.scopes is None else held & frozenset(key.scopes),
        staff_scope=key.staff_scope,  # type: ignore[arg-type]
        member_id=key.member_id,
        team_ids=() if key.team_id is None else (key.team_id,),
    )


async def _standing_of_staff(context: Context, staff_id: UUID) -> Actor | None:
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
        id=staff_id,
        name=member.name,
        role=member.role,
        permissions=permissions_of(member.role),
        staff_scope=member.staff_scope,  # type: ignore[arg-type]
        member_id=member.id,
        team_ids=() if member.team_id is None else (member.team_id,),
    )


def _is_over(moment: datetime | None) -> bool:
    return moment is not None and moment <= datetime.now(UTC)
