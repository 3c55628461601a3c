"""Lists that are fast at any size: composite indexes; custom fields, saved views, bulk work."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_saas.kit.migrating import build_index, protect, rebuild_index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CUSTOMERS = "org_customers_mst"
TABLES = (
    "org_custom_fields", "org_custom_values", "org_saved_views", "org_bulk_jobs",
    "org_customer_statistics",
)  # fmt: skip
LIVING = "status not in ('merged', 'erased')"

# Those that hold what few customers have are partial: to a stub they cost nothing.
NEW = {
    "org_customers_mst_status_ix": (["status", "created_at", "id"], None),
    "org_customers_mst_profile_ix": (["profile_status", "created_at", "id"], LIVING),
    "org_customers_mst_lifecycle_ix": (["lifecycle", "created_at", "id"], LIVING),
    "org_customers_mst_stage_ix": (["journey_stage", "created_at", "id"], LIVING),
    "org_customers_mst_business_ix": (
        ["customer_type", "created_at", "id"],
        f"customer_type = 'business' and {LIVING}",
    ),
    "org_customers_mst_company_ix": (
        ["company_name", "created_at", "id"],
        f"company_name is not null and {LIVING}",
    ),
    "org_customers_mst_birth_ix": (
        ["date_of_birth", "created_at", "id"],
        f"date_of_birth is not null and {LIVING}",
    ),
    "org_customers_mst_expires_ix": (["expires_at", "id"], "expires_at is not null"),
    "org_customers_mst_assigned_name_ix": (
        ["assigned_to", "name_norm", "id"],
        f"assigned_to is not null and {LIVING}",
    ),
    "org_customers_mst_team_name_ix": (
        ["team_id", "name_norm", "id"],
        f"team_id is not null and {LIVING}",
    ),
}
CHANGED = {
    "org_customers_mst_created_ix": (["created_at", "id"], LIVING),
    "org_customers_mst_updated_ix": (["updated_at", "id"], LIVING),
    # Without `living`: they find what refers to a member or a team that is deleted, too.
    "org_customers_mst_assigned_ix": (
        ["assigned_to", "created_at", "id"],
        "assigned_to is not null",
    ),
    "org_customers_mst_team_ix": (["team_id", "created_at", "id"], "team_id is not null"),
    "org_customers_mst_merged_ix": (["merged_into"], "merged_into is not null"),
    "org_customers_mst_name2_ix": (["name2_norm", "id"], "name2_norm is not null"),
    "org_customers_mst_skeleton2_ix": (["name2_skeleton", "id"], "name2_skeleton is not null"),
    "org_customers_mst_email_ix": (["email_norm", "id"], "email_norm is not null"),
}
BEFORE = {
    "org_customers_mst_created_ix": ["created_at", "id"],
    "org_customers_mst_updated_ix": ["updated_at", "id"],
    "org_customers_mst_assigned_ix": ["assigned_to", "id"],
    "org_customers_mst_team_ix": ["team_id", "id"],
    "org_customers_mst_merged_ix": ["merged_into"],
    "org_customers_mst_name2_ix": ["name2_norm", "id"],
    "org_customers_mst_skeleton2_ix": ["name2_skeleton", "id"],
    "org_customers_mst_email_ix": ["email_norm", "id"],
}


def upgrade() -> None:
    _create_custom_fields()
    _create_custom_values()
    _create_views()
    _create_bulk_jobs()
    _create_statistics()
    for table in TABLES:
        protect(table)
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    op.add_column(
        "org_customers_mst",
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )
    with op.get_context().autocommit_block():
        for name, (columns, where) in NEW.items():
            build_index(name, CUSTOMERS, ["tenant_org_id", *columns], where)
        for name, (columns, where) in CHANGED.items():
            rebuild_index(name, CUSTOMERS, ["tenant_org_id", *columns], where)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, columns in BEFORE.items():
            rebuild_index(name, CUSTOMERS, ["tenant_org_id", *columns])
        for name in NEW:
            op.execute(f"drop index concurrently if exists {name}")
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
        sa.Column("matched", sa.BigInteger(), server_default="0", nullable=False),
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
