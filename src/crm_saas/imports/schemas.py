"""Bodies of the API on imports."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from crm_saas.imports.checking import Problem
from crm_saas.imports.plans import KeptPlan
from crm_saas.kit.schemas import Struct

Status = Literal[
    "uploaded", "checking", "checked", "running", "done", "cancelled", "failed", "reverting",
    "reverted",
]  # fmt: skip
Outcome = Literal[
    "waiting", "create", "update", "unchanged", "refused", "created", "updated", "reverted", "kept"
]


class ColumnLeftOut(Struct):
    """A column of which nothing would be imported, and why."""

    column: str
    reason: str


class Progress(Struct):
    """`rowsRead` of the file; `rowsDone` of `rowsTotal` in the phase. `counts` by outcome.

    `counts.differing` are rows with another name and other contacts than the customer whom they
    name: many of them, and the file is not of this business, or `upsertBy` is wrong.
    """

    phase: Literal["reading", "comparing", "writing", "reverting", "reporting"] | None
    rows_read: int
    rows_done: int
    rows_total: int | None
    counts: dict[str, int]


class ImportView(Struct):
    """`mapping`, `upsertBy` and `leftOut` are guesses until a plan was sent, which is `plan`.

    `failure` says why the whole file could not be imported. File, rows and result are kept until
    `expiresAt`.
    """

    id: UUID
    filename: str
    format: Literal["csv", "xlsx"]
    encoding: str | None
    delimiter: str | None
    size_bytes: int
    status: Status
    dry_run: bool
    headers: list[str]
    sample: list[list[str]]
    mapping: dict[str, str]
    left_out: list[ColumnLeftOut]
    upsert_by: str
    plan: KeptPlan | None
    progress: Progress
    failure: str | None
    has_result: bool
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime


class ImportList(Struct):
    items: list[ImportView]
    next_cursor: str | None


class ImportRowView(Struct):
    """`rowNumber` is the row's in a spreadsheet: the header is 1."""

    row_number: int
    outcome: Outcome
    customer_id: UUID | None
    customer_number: str | None
    problems: list[Problem]


class ImportRowList(Struct):
    items: list[ImportRowView]
    next_cursor: str | None
