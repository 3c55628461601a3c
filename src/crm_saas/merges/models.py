"""What was merged and how to take it back, and what might be one person twice (SPEC 5)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, TenantOwned

LOG = "org_customer_merge_log"
DUPLICATES = "org_customer_duplicates"
SWEEPS = "org_duplicate_sweeps"


def _customer(column: str, name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_org_id", column],
        ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
        name=name,
        ondelete="restrict",
    )


class Merge(TenantOwned, Base):
    """One merge of `source` into `target`, with all that an undo needs.

    `manifest` is manifest.Manifest as JSON; it holds personal data, as the customers do.
    `target_version` orders the merges of one survivor: it only grows, under the survivor's lock.
    """

    __tablename__ = LOG
    __constraints__ = (
        _customer("source_id", "org_customer_merge_log_source_fk"),
        _customer("target_id", "org_customer_merge_log_target_fk"),
        CheckConstraint("source_id <> target_id", name="two"),
        CheckConstraint("(undone_at is null) = (undone_by_name is null)", name="undone"),
        Index("org_customer_merge_log_source_ix", "tenant_org_id", "source_id"),
        Index("org_customer_merge_log_target_ix", "tenant_org_id", "target_id", "target_version"),
    )

    source_id: Mapped[UUID]
    target_id: Mapped[UUID]
    target_version: Mapped[int] = mapped_column(BigInteger)
    choices: Mapped[dict[str, Any]]
    reason: Mapped[str | None]
    manifest: Mapped[dict[str, Any]]
    merged_at: Mapped[datetime]
    merged_by: Mapped[UUID | None]
    merged_by_name: Mapped[str]
    undo_until: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[UUID | None]
    undone_by_name: Mapped[str | None]
    undo_report: Mapped[dict[str, Any] | None]


class Duplicate(TenantOwned, Base):
    """Two customers that may be one person, the smaller id first, with the evidence for it."""

    __tablename__ = DUPLICATES
    __constraints__ = (
        _customer("customer_a", "org_customer_duplicates_a_fk"),
        _customer("customer_b", "org_customer_duplicates_b_fk"),
        UniqueConstraint(
            "tenant_org_id", "customer_a", "customer_b", name="org_customer_duplicates_pair_uq"
        ),
        CheckConstraint("customer_a < customer_b", name="order"),
        CheckConstraint("status in ('open', 'dismissed', 'merged')", name="status"),
        Index("org_customer_duplicates_b_ix", "tenant_org_id", "customer_b"),
        Index("org_customer_duplicates_open_ix", "tenant_org_id", "status", "score", "id"),
        Index(
            "org_customer_duplicates_ground_ix",
            "tenant_org_id",
            "status",
            "ground",
            "score",
            "id",
        ),
    )

    customer_a: Mapped[UUID]
    customer_b: Mapped[UUID]
    score: Mapped[float] = mapped_column(Double)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    ground: Mapped[str | None] = mapped_column(Text(collation="C"), sort_order=95)
    """The kind of the strongest evidence: no index on jsonb serves under row-level security. None
    where an earlier release wrote the suggestion, until a job has filled it in."""
    status: Mapped[str] = mapped_column(server_default="open")
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]


class Sweep(TenantOwned, Base):
    """One search for duplicates among all of a tenant's customers, in `steps`.

    `step` is the next one: what was done before it is kept, whatever happens to the worker.
    `left_out` says which blocks were too large to compare each with each, by their kind.
    """

    __tablename__ = SWEEPS
    __constraints__ = (
        CheckConstraint("status in ('running', 'done', 'cancelled')", name="status"),
        CheckConstraint("(status = 'running') = (ended_at is null)", name="ended"),
        Index(
            "org_duplicate_sweeps_running_uq",
            "tenant_org_id",
            unique=True,
            postgresql_where=text("status = 'running'"),
        ),
    )

    status: Mapped[str] = mapped_column(server_default="running")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_by: Mapped[UUID | None]
    started_by_name: Mapped[str]
    ended_at: Mapped[datetime | None]
    step: Mapped[int] = mapped_column(server_default="0")
    steps: Mapped[int | None]
    customers: Mapped[int] = mapped_column(BigInteger, server_default="0")
    compared: Mapped[int] = mapped_column(BigInteger, server_default="0")
    found: Mapped[int] = mapped_column(BigInteger, server_default="0")
    dropped: Mapped[int] = mapped_column(BigInteger, server_default="0")
    left_out: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class CountedNames(TenantOwned, Base):
    """How many customers bear each of the commoner words in their names (NameCounts)."""

    __tablename__ = "org_name_counts"
    __constraints__ = (UniqueConstraint("tenant_org_id", name="org_name_counts_tenant_uq"),)

    customers: Mapped[int] = mapped_column(BigInteger)
    numbers_given: Mapped[int] = mapped_column(BigInteger)
    words: Mapped[dict[str, Any]]
    unlisted: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now())
