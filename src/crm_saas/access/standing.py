"""Whether somebody who asked for something may still do it, when it is done without them."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from crm_saas.access.models import ApiKey, Member
from crm_saas.access.roles import permissions_of
from crm_saas.kit.context import Context


async def still_may(
    context: Context, *, kind: str, actor_id: UUID, permissions: Collection[str]
) -> bool:
    """`kind` and `actor_id` are an actor's. Revoked, ended and disabled ones may nothing."""
    held: frozenset[str] = frozenset()
    if kind == "key":
        key = await context.session.scalar(
            select(ApiKey).where(ApiKey.tenant_org_id == context.tenant.id, ApiKey.id == actor_id)
        )
        if key is not None and key.revoked_at is None and not _is_over(key.expires_at):
            held = permissions_of(key.role)
            held &= held if key.scopes is None else frozenset(key.scopes)
    elif kind == "staff":
        role = await context.session.scalar(
            select(Member.role).where(
                Member.tenant_org_id == context.tenant.id,
                Member.staff_id == actor_id,
                Member.status == "active",
            )
        )
        held = permissions_of(role) if role is not None else held
    return held.issuperset(permissions)


def _is_over(moment: datetime | None) -> bool:
    return moment is not None and moment <= datetime.now(UTC)
