"""Custom fields, saved views, bulk work and statistics of customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_saas.kit.migrating import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    "org_custom_fields", "org_custom_values", "org_saved_views", "org_bulk_jobs",
    "org_customer_statistics",
)  # fmt: skip


def upgrade() -> None:
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    _create_custom_fields()
    _create_custom_values()
    _create_views()
    _create_bulk_jobs()
    _create_statistics()
    for table in TABLES:
        protect(table)
    op.add_column(
        "org_customers_mst",
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("org_customers_mst", "custom_fields")
    for table in reversed(TABLES):
        op.drop_table(table)


def _stamps() -> list[sa.Column]:
    return [
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
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
    ]


def _create_custom_fields() -> None:
    op.create_table(
        "org_custom_fields",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("label2", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "options", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column("required", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("filterable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "kind in ('text', 'number', 'date', 'boolean', 'choice')",
            name=op.f("org_custom_fields_kind_ck"),
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_custom_fields_pk")),
        sa.UniqueConstraint("tenant_org_id", "key", name="org_custom_fields_key_uq"),
    )


def _create_custom_values() -> None:
    op.create_table(
        "org_custom_values",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("field_id", sa.Uuid(), nullable=False),
        sa.Column("text_value", sa.Text(collation="C"), nullable=True),
        sa.Column("number_value", sa.Double(), nullable=True),
        sa.Column("date_value", sa.Date(), nullable=True),
        sa.Column("customer_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(text_value, number_value, date_value) = 1",
            name=op.f("org_custom_values_one_ck"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "customer_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_custom_values_customer_fk",
            ondelete="restrict",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "field_id"],
            ["org_custom_fields.tenant_org_id", "org_custom_fields.id"],
            name="org_custom_values_field_fk",
            ondelete="restrict",
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_custom_values_pk")),
        sa.UniqueConstraint(
            "tenant_org_id", "customer_id", "field_id", name="org_custom_values_field_uq"
        ),
    )
    for kind in ("text", "number", "date"):
        op.create_index(
            f"org_custom_values_{kind}_ix",
            "org_custom_values",
            ["tenant_org_id", "field_id", f"{kind}_value", "customer_created_at", "customer_id"],
            unique=False,
            postgresql_where=sa.text(f"{kind}_value is not null"),
        )


def _create_views() -> None:
    op.create_table(
        "org_saved_views",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sort", sa.Text(), nullable=True),
        sa.Column(
            "columns", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        *_stamps(),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_saved_views_pk")),
        sa.UniqueConstraint("tenant_org_id", "owner_id", "name", name="org_saved_views_name_uq"),
    )


def _create_bulk_jobs() -> None:
    op.create_table(
        "org_bulk_jobs",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("customer_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("matched", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "refusals", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column("last_id", sa.Uuid(), nullable=True),
        sa.Column("actor", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "verb in ('edit', 'assign', 'deactivate')", name=op.f("org_bulk_jobs_verb_ck")
        ),
        sa.CheckConstraint(
            "status in ('waiting', 'running', 'done', 'stopped')",
            name=op.f("org_bulk_jobs_status_ck"),
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_bulk_jobs_pk")),
    )


def _create_statistics() -> None:
    op.create_table(
        "org_customer_statistics",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("days", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customer_statistics_pk")),
    )
