"""The bodies of exports."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports.columns import Format
from crm_saas.kit.schemas import Struct

ExportStatus = Literal["waiting", "running", "ready", "failed", "cancelled", "expired"]


class NewExport(Struct):
    """Which file, of which customers: the filter is the list's, as an object."""

    format: Format = "csv"
    filter: CustomerFilter = msgspec.field(default_factory=CustomerFilter)


class ExportRows(Struct):
    """`estimated` is what the filter left when the export began; null before that."""

    done: int
    estimated: int | None


class ExportView(Struct):
    """`link` is there while the file is: whoever has it may download the file for some minutes."""

    id: UUID
    format: Format
    filter: CustomerFilter
    status: ExportStatus
    rows: ExportRows
    file_bytes: int | None
    failure: str | None
    link: (
        Annotated[str, Meta(examples=["https://crm.example.com/api/v1/exports/download/…"])] | None
    )
    link_expires_at: datetime | None
    requested_by: UUID | None
    requested_by_name: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class ExportList(Struct):
    items: list[ExportView]
    next_cursor: str | None
