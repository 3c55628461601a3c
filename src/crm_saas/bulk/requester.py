"""As whom bulk work is done: the one who asked for it, as far as that one may do it now."""

from dataclasses import replace

from crm_saas.access.standing import find_actor
from crm_saas.bulk.models import BulkJob
from crm_saas.kit.context import Context
from crm_saas.kit.db import set_scope

PERMISSION = "customers:bulk"
NEEDED = {
    "edit": "customers:update",
    "assign": "customers:assign",
    "deactivate": "customers:deactivate",
}


async def as_requester(context: Context, job: BulkJob) -> Context | None:
    """The job's context with the requester's permissions and scope, read anew; none when the key
    was revoked, the member left, or the role may do this no longer."""
    actor = await find_actor(context, kind=job.actor["kind"], actor_id=job.actor_id)
    if actor is None or not (actor.may(PERMISSION) and actor.may(NEEDED[job.verb])):
        return None
    acting = replace(context, actor=actor)
    await set_scope(context.session, acting.scope)
    return acting
