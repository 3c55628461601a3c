"""Whose customer it is: a member of staff and a team (SPEC 2.8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_saas.access.models import Member, Team
from crm_saas.kit.context import Context
from crm_saas.kit.errors import FieldError, Forbidden, InvalidInput
from crm_saas.kit.problems import invalid_input


def default_assignment(context: Context) -> dict[str, Any]:
    """What an actor with a narrow scope creates is theirs, or they could not see it."""
    actor = context.actor
    match actor.staff_scope:
        case "team" if actor.team_ids:
            return {"team_id": actor.team_ids[0], "assigned_to": actor.member_id}
        case "team":
            raise Forbidden("Whose customers these are is not said: join a team first.")
        case "own" if actor.member_id is None:
            raise Forbidden("Whose customers these are is not said: the key needs a member.")
        case "own":
            return {"assigned_to": actor.member_id}
    return {}


def require_assigning(context: Context, columns: dict[str, Any]) -> None:
    """Raises Forbidden where somebody is named whom the actor may not assign customers to."""
    named = "assigned_to" in columns or "team_id" in columns
    if named and context.actor.kind != "system":
        context.actor.require("customers:assign")


async def check_assignment(context: Context, columns: dict[str, Any]) -> None:
    """Raises InvalidInput for a member or team that this tenant has not, or out of one's reach."""
    errors: list[FieldError] = []
    if (member_id := columns.get("assigned_to")) is not None:
        found = await context.session.scalar(
            select(Member.id).where(
                Member.tenant_org_id == context.tenant.id, Member.id == member_id
            )
        )
        if found is None:
            errors.append(FieldError("assignedTo", "there is no such member of staff", "unknown"))
    if (team_id := columns.get("team_id")) is not None:
        found = await context.session.scalar(
            select(Team.id).where(Team.tenant_org_id == context.tenant.id, Team.id == team_id)
        )
        if found is None:
            errors.append(FieldError("teamId", "there is no such team", "unknown"))
    if errors:
        raise invalid_input(errors)
    _check_reach(context, columns)


@dataclass(frozen=True)
class Assignable:
    """Whom and which teams the actor may assign customers to: for many rows, asked for once."""

    members: frozenset[UUID]
    teams: frozenset[UUID]

    def check(self, columns: Mapping[str, Any]) -> None:
        """Raises InvalidInput, as `check_assignment` does."""
        known = {"assigned_to": (self.members, "assignedTo"), "team_id": (self.teams, "teamId")}
        errors = [
            FieldError(name, "is nobody whom you may assign customers to", "unknown")
            for column, (ids, name) in known.items()
            if columns.get(column) is not None and columns[column] not in ids
        ]
        if errors:
            raise invalid_input(errors)


async def find_assignable(context: Context) -> Assignable:
    actor = context.actor
    members = await context.session.scalars(
        select(Member.id).where(Member.tenant_org_id == context.tenant.id)
    )
    teams = await context.session.scalars(
        select(Team.id).where(Team.tenant_org_id == context.tenant.id)
    )
    reached = {"own": {actor.member_id}}.get(actor.staff_scope)
    own_teams = {"team": set(actor.team_ids)}.get(actor.staff_scope)
    return Assignable(
        frozenset(i for i in members if reached is None or i in reached),
        frozenset(i for i in teams if own_teams is None or i in own_teams),
    )


def _check_reach(context: Context, columns: dict[str, Any]) -> None:
    """The database would refuse it anyway (the policy's check); this says why."""
    actor = context.actor
    if (
        actor.staff_scope == "team"
        and "team_id" in columns
        and columns["team_id"] not in actor.team_ids
    ):
        raise InvalidInput.of("teamId", "you can assign within your own team only", "out-of-scope")
    if (
        actor.staff_scope == "own"
        and "assigned_to" in columns
        and columns["assigned_to"] != actor.member_id
    ):
        raise InvalidInput.of("assignedTo", "you can assign to yourself only", "out-of-scope")
