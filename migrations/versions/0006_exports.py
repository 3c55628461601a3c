"""Exports that are made beside requests, and how far each is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_saas.kit.migrating import protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "org_exports",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_by_kind", sa.Text(), nullable=False),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        sa.Column("requested_by_role", sa.Text(), nullable=False),
        sa.Column("permissions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("staff_scope", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("team_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("file_bytes", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status in ('ready', 'expired')) = (expires_at is not null)",
            name=op.f("org_exports_kept_ck"),
        ),
        sa.CheckConstraint(
            "format in ('csv', 'jsonl', 'xlsx', 'pdf')", name=op.f("org_exports_format_ck")
        ),
        sa.CheckConstraint(
            "status in ('waiting', 'running', 'ready', 'failed', 'cancelled', 'expired')",
            name=op.f("org_exports_status_ck"),
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_exports_pk")),
    )
    op.create_index("org_exports_created_ix", "org_exports", ["tenant_org_id", "created_at", "id"])
    op.create_index(
        "org_exports_status_ix", "org_exports", ["tenant_org_id", "status", "expires_at"]
    )
    op.create_table(
        "org_export_progress",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_estimated", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "id"],
            ["org_exports.tenant_org_id", "org_exports.id"],
            name="org_export_progress_export_fk",
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_export_progress_pk")),
    )
    for table in ("org_exports", "org_export_progress"):
        protect(table)


def downgrade() -> None:
    op.drop_table("org_export_progress")
    op.drop_table("org_exports")
