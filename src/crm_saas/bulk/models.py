"""Bulk work: one change of many customers, done piece by piece (SPEC 6.2)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, Stamped, TenantOwned

TABLE = "org_bulk_jobs"


class BulkJob(TenantOwned, Stamped, Base):
    """`last_id` is where the work stands; `actor` who asked for it, as whom it is done.
    `matched` is None where counting them would have taken too long."""

    __tablename__ = TABLE
    __constraints__ = (
        CheckConstraint("verb in ('edit', 'assign', 'deactivate')", name="verb"),
        CheckConstraint("status in ('waiting', 'running', 'done', 'stopped')", name="status"),
    )

    verb: Mapped[str]
    changes: Mapped[dict[str, Any]]
    customer_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    filter: Mapped[dict[str, Any] | None]
    status: Mapped[str]
    reason: Mapped[str | None]
    matched: Mapped[int | None] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    unchanged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    refused: Mapped[int] = mapped_column(BigInteger, server_default="0")
    refusals: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    last_id: Mapped[UUID | None]
    actor: Mapped[dict[str, Any]]
    actor_id: Mapped[UUID | None]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")
