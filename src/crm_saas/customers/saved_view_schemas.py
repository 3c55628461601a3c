"""The bodies of saved views."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crm_saas.customers.filters import CustomerFilter, SortField
from crm_saas.kit.schemas import END, Name, Struct

VIEWS_MAX = 100
Columns = Annotated[
    list[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.]{1,60}" + END, examples=["phone"])]],
    Meta(
        max_length=60,
        description="What a screen shows of each customer; the API answers all the same.",
        examples=[["displayName", "phone", "customFields.shoeSize"]],
    ),
]


class SaveView(Struct):
    """`shared` with everybody of the tenant who sees customers, each their own."""

    name: Name
    filter: CustomerFilter = msgspec.field(default_factory=CustomerFilter)
    sort: SortField | None = None
    columns: Columns = msgspec.field(default_factory=list)
    shared: bool = False


class PatchView(Struct):
    name: Name | UnsetType = UNSET
    filter: CustomerFilter | UnsetType = UNSET
    sort: SortField | UnsetType | None = UNSET
    columns: Columns | UnsetType = UNSET
    shared: bool | UnsetType = UNSET


class SavedViewView(Struct):
    """`isOwn` is what whoever asks has saved; `isFast` as in the list."""

    id: UUID
    name: str
    filter: dict[str, Any]
    sort: SortField | None
    columns: list[str]
    shared: bool
    is_own: bool
    is_fast: bool
    created_at: datetime
    updated_at: datetime


class SavedViewList(Struct):
    """One's own and those that are shared, by name."""

    items: list[SavedViewView]
