"""As whom an import is worked on: the one who started it, as far as that one may do it now."""

from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

import msgspec

from crm_saas.access.standing import find_actor
from crm_saas.imports.models import Import
from crm_saas.imports.plans import KeptPlan
from crm_saas.kit.context import Context
from crm_saas.kit.db import set_scope

PERMISSION = "customers:import"
_WHAT_NOW = "What is done stays. Run it again with the same plan, or revert it."


class MayNot(Exception):
    """The text says why, and what can be done."""


class Starter(msgspec.Struct, frozen=True):
    kind: Literal["key", "staff", "system"]
    id: UUID | None
    name: str
    request_id: str
    address: str | None


def note_starter(context: Context) -> dict[str, Any]:
    """Whoever asks now."""
    actor = context.actor
    found = Starter(actor.kind, actor.id, actor.name, context.request_id, context.address)
    return msgspec.to_builtins(found)  # type: ignore[no-any-return]


def starter_of(row: Import) -> Starter:
    return msgspec.convert(row.starter, Starter)


def needed(plan: KeptPlan) -> list[str]:
    """The permissions."""
    assigns = not {"assignedTo", "teamId"}.isdisjoint(plan.mapping.values())
    return [PERMISSION, "customers:assign"] if assigns else [PERMISSION]


async def as_starter(context: Context, row: Import, plan: KeptPlan) -> Context:
    """The job's context with the starter's permissions and scope, read anew. Raises MayNot."""
    if context.tenant.status != "active":
        raise MayNot(f"The business is suspended. {_WHAT_NOW}")
    starter = starter_of(row)
    actor = await find_actor(context, kind=starter.kind, actor_id=starter.id)
    if actor is None or not all(map(actor.may, needed(plan))):
        raise MayNot(f"The one who started it may not import any more. {_WHAT_NOW}")
    acting = replace(context, actor=actor, values={})
    await set_scope(context.session, acting.scope)
    return acting
