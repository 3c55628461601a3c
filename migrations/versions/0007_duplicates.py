"""Customers that wait to be compared; sweeps for duplicates, and the names that they count."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_saas.kit.migrating import protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    op.create_table(
        "org_customers_to_compare",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customers_to_compare_pk")),
    )
    op.create_table(
        "org_duplicate_sweeps",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_by_name", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("steps", sa.Integer(), nullable=True),
        sa.Column("customers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("compared", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("found", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dropped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "left_out",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.CheckConstraint(
            "status in ('running', 'done', 'cancelled')",
            name=op.f("org_duplicate_sweeps_status_ck"),
        ),
        sa.CheckConstraint(
            "(status = 'running') = (ended_at is null)", name=op.f("org_duplicate_sweeps_ended_ck")
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_duplicate_sweeps_pk")),
    )
    op.create_index(
        "org_duplicate_sweeps_running_uq",
        "org_duplicate_sweeps",
        ["tenant_org_id"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "org_name_counts",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("numbers_given", sa.BigInteger(), nullable=False),
        sa.Column("words", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("unlisted", sa.BigInteger(), nullable=False),
        sa.Column(
            "counted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_name_counts_pk")),
        sa.UniqueConstraint("tenant_org_id", name="org_name_counts_tenant_uq"),
    )
    for table in ("org_customers_to_compare", "org_duplicate_sweeps", "org_name_counts"):
        protect(table)
    # Filled by whoever writes a suggestion, and for those that are there by a job (merges/grounds).
    op.add_column(
        "org_customer_duplicates", sa.Column("ground", sa.Text(collation="C"), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("org_customer_duplicates", "ground")
    op.drop_table("org_name_counts")
    op.drop_table("org_duplicate_sweeps")
    op.drop_table("org_customers_to_compare")
