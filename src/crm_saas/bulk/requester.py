"""As whom bulk work is done: the one who asked for it, as far as that one may do it now."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select

from crm_saas.access.models import ApiKey, Member
from crm_saas.access.roles import permissions_of
from crm_saas.bulk.models import BulkJob
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.db import set_scope

NEEDED = {
    "edit": "customers:update",
    "assign": "customers:assign",
    "deactivate": "customers:deactivate",
}


async def as_requester(context: Context, job: BulkJob) -> Context | None:
    """The job's context with the requester's permissions and scope, read anew; none when the key
    was revoked, the member left, or the role may do this no longer."""
    find = {"key": _key, "staff": _member}.get(job.actor["kind"])
    actor = await find(context, job) if find else None
    if actor is None or not actor.may(NEEDED[job.verb]):
        return None
    acting = replace(context, actor=actor)
    await set_scope(context.session, acting.scope)
    return acting


async def _key(context: Context, job: BulkJob) -> Actor | None:
    key = await context.session.scalar(
        select(ApiKey).where(
            ApiKey.tenant_org_id == context.tenant.id,
            ApiKey.id == job.actor_id,
            ApiKey.revoked_at.is_(None),
        )
    )
    if key is None or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
        return None
    of_role = permissions_of(key.role)
    return Actor(
        kind="key",
        id=key.id,
        name=key.name,
        role=key.role,
        permissions=of_role if key.scopes is None else of_role & frozenset(key.scopes),
        staff_scope=key.staff_scope,  # type: ignore[arg-type]
        member_id=key.member_id,
        team_ids=() if key.team_id is None else (key.team_id,),
    )


async def _member(context: Context, job: BulkJob) -> Actor | None:
    member = await context.session.scalar(
        select(Member).where(
            Member.tenant_org_id == context.tenant.id,
            Member.staff_id == job.actor_id,
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
