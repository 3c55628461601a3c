"""An import, and its rows from the file to what became of them (SPEC 6.3)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, Stamped, TenantOwned

TABLE = "org_imports"
ROWS = "org_import_rows"


class Import(TenantOwned, Stamped, Base):
    """A file that was uploaded, and how far the work on it is.

    `starter` is who started the work: the job does it in their name, as far as they may do it now.
    `turn` is the number of the one job that works on it; a job of another number ends. `rows_read`
    and `rows_done` are the checkpoints of reading and of the phase: they are written with what they
    count, so that whoever goes on after a crash begins there.
    """

    __tablename__ = TABLE
    __constraints__ = (
        CheckConstraint("format in ('csv', 'xlsx')", name="format"),
        CheckConstraint(
            "status in ('uploaded', 'checking', 'checked', 'running', 'done', 'cancelled', "
            "'failed', 'reverting', 'reverted')",
            name="status",
        ),
        CheckConstraint(
            "phase in ('reading', 'comparing', 'writing', 'reverting', 'reporting')", name="phase"
        ),
        Index("org_imports_created_ix", "tenant_org_id", "created_at", "id"),
        Index("org_imports_expires_ix", "tenant_org_id", "expires_at"),
    )

    filename: Mapped[str]
    format: Mapped[str]
    encoding: Mapped[str | None]
    delimiter: Mapped[str | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    has_file: Mapped[bool] = mapped_column(server_default=text("true"))
    """Until it expires. Where it lies follows from the tenant and the id (stored.py)."""
    has_result: Mapped[bool] = mapped_column(server_default=text("false"))
    headers: Mapped[list[str]] = mapped_column(JSONB)
    sample: Mapped[list[list[str]]] = mapped_column(JSONB)
    guessed: Mapped[dict[str, Any]]
    plan: Mapped[dict[str, Any] | None]
    starter: Mapped[dict[str, Any]]
    status: Mapped[str]
    phase: Mapped[str | None]
    is_dry: Mapped[bool] = mapped_column(server_default=text("false"))
    cancelling: Mapped[bool] = mapped_column(server_default=text("false"))
    turn: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failure: Mapped[str | None]
    rows_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_total: Mapped[int | None] = mapped_column(BigInteger)
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class ImportRow(TenantOwned, Base):
    """A row of the file, checked. A customer made of it has its id, so that none is made twice.

    `columns` are a customer's as the file has them, `composed` what a new one gets besides.
    `former` holds the columns of an updated customer as they were before.
    """

    __tablename__ = ROWS
    __constraints__ = (
        CheckConstraint(
            "outcome in ('waiting', 'create', 'update', 'unchanged', 'refused', 'created', "
            "'updated', 'reverted', 'kept')",
            name="outcome",
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "import_id"],
            ["org_imports.tenant_org_id", "org_imports.id"],
            name="org_import_rows_import_fk",
            ondelete="cascade",
        ),
        Index("org_import_rows_number_uq", "tenant_org_id", "import_id", "row_number", unique=True),
        Index("org_import_rows_outcome_ix", "tenant_org_id", "import_id", "outcome", "row_number"),
    )

    import_id: Mapped[UUID]
    row_number: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str]
    key: Mapped[str | None]
    phone: Mapped[str | None]
    email_key: Mapped[str | None]
    external_id: Mapped[str | None]
    columns: Mapped[dict[str, Any] | None]
    composed: Mapped[dict[str, Any] | None]
    address: Mapped[dict[str, Any] | None]
    problems: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    former: Mapped[dict[str, Any] | None]
    customer_id: Mapped[UUID | None]
    customer_number: Mapped[str | None]
    customer_version: Mapped[int | None] = mapped_column(BigInteger)
    address_id: Mapped[UUID | None]
