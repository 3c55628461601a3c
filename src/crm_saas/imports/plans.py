"""How a file is to be imported, as the caller asked for it and as the import keeps it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crm_saas.imports.limits import COLUMNS_MAX, HEADER_LENGTH_MAX
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
