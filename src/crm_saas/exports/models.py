"""Exports that are made beside requests, and how far each is (SPEC 6.4)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, Stamped, TenantOwned

EXPORTS = "org_exports"


class Export(TenantOwned, Stamped, Base):
    """What was asked for, by whom, and what they might see then: the job sees that, and no more.

    The file lies in the store (kit/files.py) under the export's id, until `expires_at`.
    """

    __tablename__ = EXPORTS
    __constraints__ = (
        CheckConstraint("format in ('csv', 'jsonl', 'xlsx', 'pdf')", name="format"),
        CheckConstraint(
            "status in ('waiting', 'running', 'ready', 'failed', 'cancelled', 'expired')",
            name="status",
        ),
        CheckConstraint("(status in ('ready', 'expired')) = (expires_at is not null)", name="kept"),
        Index("org_exports_created_ix", "tenant_org_id", "created_at", "id"),
        Index("org_exports_status_ix", "tenant_org_id", "status", "expires_at"),
    )

    format: Mapped[str]
    filter: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(server_default="waiting")
    requested_by: Mapped[UUID | None]
    requested_by_kind: Mapped[str]
    requested_by_name: Mapped[str]
    requested_by_role: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    staff_scope: Mapped[str]
    member_id: Mapped[UUID | None]
    team_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    attempts: Mapped[int] = mapped_column(server_default="0")
    failure: Mapped[str | None]
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class Progress(TenantOwned, Base):
    """How many rows are written of about how many. Of the export with its id."""

    __tablename__ = "org_export_progress"
    __constraints__ = (
        ForeignKeyConstraint(
            ["tenant_org_id", "id"],
            [f"{EXPORTS}.tenant_org_id", f"{EXPORTS}.id"],
            name="org_export_progress_export_fk",
            ondelete="cascade",
        ),
    )

    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_estimated: Mapped[int | None] = mapped_column(BigInteger)
