"""How a file is to be imported, as the caller asked for it and as the import keeps it."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from crm_saas.imports.limits import COLUMNS_MAX, HEADER_LENGTH_MAX
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.schemas import Struct

UpsertBy = Literal["phone", "email", "customerNumber", "externalId"]
Mode = Literal["createAndUpdate", "createOnly", "updateOnly"]
EmptyCells = Literal["leave", "clear"]
DateOrder = Literal["dayFirst", "monthFirst"]
Header = Annotated[str, Meta(max_length=HEADER_LENGTH_MAX + 10)]
Mapping = Annotated[
    dict[Header, Annotated[str, Meta(max_length=100)] | None],
    Meta(
        min_length=1,
        max_length=COLUMNS_MAX,
        description="Column → field; null leaves the column out.",
        examples=[{"Name": "name", "Phone": "phone", "City": "address.city"}],
    ),
]


class Plan(Struct):
    """`mapping`, `upsertBy` are the guessed ones unless sent.

    A row whose `upsertBy` field belongs to a customer updates that customer, and all others
    create one; `mode` can keep it to one of the two. `emptyCells` says what an empty cell does to
    a customer who is there. `dates` reads 02/03/1990; 1990-03-02 is read either way.
    """

    mapping: Mapping | None = None
    upsert_by: UpsertBy | None = None
    mode: Mode = "createAndUpdate"
    empty_cells: EmptyCells = "leave"
    dates: DateOrder = "dayFirst"


class KeptPlan(msgspec.Struct, frozen=True, rename="camel"):
    """What was decided; a run with the same plan takes over what its dry run has checked."""

    mapping: dict[str, str]
    upsert_by: UpsertBy
    mode: Mode
    empty_cells: EmptyCells
    dates: DateOrder


class Starter(msgspec.Struct, frozen=True):
    """Who started the work: the job does it in their name and within their scope."""

    kind: Literal["key", "staff", "system"]
    id: UUID | None
    name: str
    role: str
    permissions: list[str]
    staff_scope: Literal["all", "team", "own"]
    member_id: UUID | None
    team_ids: tuple[UUID, ...]
    request_id: str
    address: str | None

    def actor(self) -> Actor:
        return Actor(
            kind=self.kind,
            id=self.id,
            name=self.name,
            role=self.role,
            permissions=frozenset(self.permissions),
            staff_scope=self.staff_scope,
            member_id=self.member_id,
            team_ids=self.team_ids,
        )


def starter_of(context: Context) -> Starter:
    actor = context.actor
    return Starter(
        kind=actor.kind,
        id=actor.id,
        name=actor.name,
        role=actor.role,
        permissions=sorted(actor.permissions),
        staff_scope=actor.staff_scope,
        member_id=actor.member_id,
        team_ids=actor.team_ids,
        request_id=context.request_id,
        address=context.address,
    )
