"""The bodies of bulk work."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from crm_saas.custom.schemas import Values
from crm_saas.customers.filters import CustomerFilter
from crm_saas.customers.schemas import CompanySize, CustomerType, Locale, Stage
from crm_saas.kit.schemas import Struct, Text
from crm_saas.kit.texts import READABLE

IDS_MAX = 5000
REFUSALS_MAX = 1000

Verb = Literal["edit", "assign", "deactivate"]
BulkStatus = Literal["waiting", "running", "done", "stopped"]


class BulkChanges(Struct):
    """What many customers can be given at once; absent is unchanged, null is empty."""

    journey_stage: Stage | UnsetType = UNSET
    customer_type: CustomerType | UnsetType = UNSET
    honorific: Annotated[str, Meta(max_length=40, pattern=READABLE)] | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    industry: Text | UnsetType | None = UNSET
    company_size: CompanySize | UnsetType | None = UNSET
    custom_fields: Values | UnsetType = UNSET
    assigned_to: UUID | UnsetType | None = UNSET
    team_id: UUID | UnsetType | None = UNSET


class StartBulk(Struct):
    """Either `customerIds` or `filter` says whom; an empty filter means everybody one sees.

    `edit` and `assign` take `changes`.
    """

    verb: Verb
    customer_ids: Annotated[list[UUID], Meta(min_length=1, max_length=IDS_MAX)] | UnsetType = UNSET
    filter: CustomerFilter | UnsetType = UNSET
    changes: BulkChanges | UnsetType = UNSET


class Refusal(Struct):
    """A customer that was left as it is, and why: `not-found` (also outside one's scope), `merged`,
    `erased`, `blocked`."""

    customer_id: UUID
    code: str
    message: str


class BulkView(Struct):
    """`matched` is how many were meant at the start; `matchedIsCapped` that there are more.

    While it is `waiting` or `running`, `changed`, `unchanged` and `refused` say how far it got.
    `refusals` has the first thousand.
    """

    id: UUID
    verb: Verb
    status: BulkStatus
    reason: str | None
    matched: int | None
    matched_is_capped: bool
    changed: int
    unchanged: int
    refused: int
    refusals: list[Refusal]
    changes: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


class BulkCount(Struct):
    """How many customers are meant; `matched` is null where counting would take too long."""

    matched: int | None
    matched_is_capped: bool


class BulkList(Struct):
    items: list[BulkView]
    next_cursor: str | None
