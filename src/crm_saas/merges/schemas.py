"""The bodies of merges and suggestions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from crm_saas.customers.schemas import CustomerView
from crm_saas.customers.similarity import Kind
from crm_saas.kit.schemas import Struct
from crm_saas.kit.texts import READABLE
from crm_saas.merges.fields import Choices, Side

DISMISSED_AT_ONCE = 200


class PreviewMerge(Struct):
    source_id: UUID
    target_id: UUID
    choices: Choices = msgspec.field(default_factory=Choices)


class MergeCustomers(PreviewMerge):
    reason: Annotated[str, Meta(max_length=500, pattern=READABLE)] | None = None


class Clash(Struct):
    """Both have one, and not the same; `choice` says which one the survivor would keep."""

    field: str
    source: Any
    target: Any
    choice: Side


class Moving(Struct):
    table: str
    count: int


class Blocker(Struct):
    """`customerId`: the customer to look at instead, such as a survivor."""

    code: Literal["same-customer", "already-merged", "erased", "blocked"]
    message: str
    customer_id: UUID | None = None
    customer_number: str | None = None


class MergePreview(Struct):
    """`choices` is what the merge would do: change it and send it along. `result`: the survivor."""

    source: CustomerView
    target: CustomerView
    blockers: list[Blocker]
    clashes: list[Clash]
    choices: Choices
    moves: list[Moving]
    result: CustomerView | None
    undo_days: int


class KeptField(Struct):
    """Edited since the merge, and so left as it is."""

    field: str
    customer_id: UUID


class ReturnedContact(Struct):
    """`taken`: it stays with whom it is now. `restored`: it was given up since, and is back.

    `customerId` is empty where that customer is outside the caller's scope.
    """

    outcome: Literal["taken", "restored"]
    phone: str | None = None
    email: str | None = None
    external_id: str | None = None
    customer_id: UUID | None = None


class ReturnedRow(Struct):
    """`gone`: deleted since. `edited`: went back as it is now. `added`: since, and so it stays."""

    table: str
    id: UUID
    outcome: Literal["gone", "edited", "added"]
    customer_id: UUID | None = None


class UndoReport(Struct):
    """What changed since the merge, and where it went."""

    fields: list[KeptField]
    contacts: list[ReturnedContact]
    rows: list[ReturnedRow]


class MergeView(Struct):
    id: UUID
    source_id: UUID
    source_number: str
    source_name: str
    target_id: UUID
    target_number: str
    target_name: str
    reason: str | None
    choices: Choices
    moved: list[Moving]
    merged_at: datetime
    merged_by: UUID | None
    merged_by_name: str
    undo_until: datetime
    undone_at: datetime | None
    undone_by_name: str | None


class MergeDetail(MergeView):
    undo_report: UndoReport | None


class MergeDone(MergeView):
    """`customer`: the survivor."""

    customer: CustomerView


class MergeUndone(MergeDetail):
    """Both customers, as they are again."""

    source: CustomerView
    target: CustomerView


class MergeList(Struct):
    items: list[MergeView]
    next_cursor: str | None


class EvidenceView(Struct):
    """`weight`: the probability that this alone gives, 0 to 1; negative speaks against."""

    kind: Kind
    detail: str
    weight: float


class SuggestionView(Struct):
    """Two customers that may be one person; `score` from 0 to 1."""

    id: UUID
    score: float
    evidence: list[EvidenceView]
    status: Literal["open", "dismissed", "merged"]
    found_at: datetime
    customers: list[CustomerView]


class SuggestionList(Struct):
    """`total` only where `total=true` asked for it; `totalIsCapped` means that there may be
    more."""

    items: list[SuggestionView]
    next_cursor: str | None = None
    total: int | None = None
    total_is_capped: bool | None = None


class DismissSuggestions(Struct):
    ids: Annotated[list[UUID], Meta(min_length=1, max_length=DISMISSED_AT_ONCE)]


class LeftOut(Struct):
    """Blocks that were too large to compare each with each, and the customers in them; and likely
    pairs that found no room, since as many suggestions are open as there may be."""

    blocks: int
    customers: int
    suggestions: int = 0


class SweepView(Struct):
    """`progress` from 0 to 1. `found` and `dropped`: suggestions; `compared`: pairs. `leftOut`, by
    what the customers of a block have in common."""

    id: UUID
    status: Literal["running", "done", "cancelled"]
    progress: float
    started_at: datetime
    started_by_name: str
    ended_at: datetime | None
    customers: int
    compared: int
    found: int
    dropped: int
    left_out: dict[str, LeftOut]


class SweepList(Struct):
    items: list[SweepView]
    next_cursor: str | None = None
