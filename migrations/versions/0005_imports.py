"""Imports and their rows; the id that a customer has in another system."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_saas.kit.migrating import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KINDS = "org_customer_identifiers_kind_ck"


def upgrade() -> None:
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    op.create_table(
        "org_imports",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=True),
        sa.Column("delimiter", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("has_file", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("has_result", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("sample", postgresql.JSONB(), nullable=False),
        sa.Column("guessed", postgresql.JSONB(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=True),
        sa.Column("starter", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("is_dry", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancelling", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_total", sa.BigInteger(), nullable=True),
        sa.Column("rows_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("counts", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
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
        sa.CheckConstraint("format in ('csv', 'xlsx')", name=op.f("org_imports_format_ck")),
        sa.CheckConstraint(
            "status in ('uploaded', 'checking', 'checked', 'running', 'done', 'cancelled', "
            "'failed', 'reverting', 'reverted')",
            name=op.f("org_imports_status_ck"),
        ),
        sa.CheckConstraint(
            "phase in ('reading', 'comparing', 'writing', 'reverting', 'reporting')",
            name=op.f("org_imports_phase_ck"),
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_imports_pk")),
    )
    op.create_index("org_imports_created_ix", "org_imports", ["tenant_org_id", "created_at", "id"])
    op.create_index("org_imports_expires_ix", "org_imports", ["tenant_org_id", "expires_at"])
    op.create_table(
        "org_import_rows",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("columns", postgresql.JSONB(), nullable=True),
        sa.Column("composed", postgresql.JSONB(), nullable=True),
        sa.Column("address", postgresql.JSONB(), nullable=True),
        sa.Column("problems", postgresql.JSONB(), nullable=True),
        sa.Column("former", postgresql.JSONB(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("customer_number", sa.Text(), nullable=True),
        sa.Column("customer_version", sa.BigInteger(), nullable=True),
        sa.Column("address_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "outcome in ('waiting', 'create', 'update', 'unchanged', 'refused', 'created', "
            "'updated', 'reverted', 'kept')",
            name=op.f("org_import_rows_outcome_ck"),
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_import_rows_pk")),
        sa.ForeignKeyConstraint(
            ["tenant_org_id", "import_id"],
            ["org_imports.tenant_org_id", "org_imports.id"],
            name="org_import_rows_import_fk",
            ondelete="cascade",
        ),
    )
    op.create_index(
        "org_import_rows_number_uq",
        "org_import_rows",
        ["tenant_org_id", "import_id", "row_number"],
        unique=True,
    )
    op.create_index(
        "org_import_rows_outcome_ix",
        "org_import_rows",
        ["tenant_org_id", "import_id", "outcome", "row_number"],
    )
    for table in ("org_imports", "org_import_rows"):
        protect(table)
    op.add_column("org_customers_mst", sa.Column("external_id", sa.Text(collation="C")))
    op.drop_constraint(_KINDS, "org_customer_identifiers")
    # What is there passed the narrower one; 0010 looks, with nobody kept waiting.
    op.execute(
        f"alter table org_customer_identifiers add constraint {_KINDS} "
        "check (kind in ('phone', 'email', 'external')) not valid"
    )


def downgrade() -> None:
    op.drop_constraint(_KINDS, "org_customer_identifiers")
    op.create_check_constraint(
        op.f(_KINDS), "org_customer_identifiers", "kind in ('phone', 'email')"
    )
    op.drop_column("org_customers_mst", "external_id")
    op.drop_table("org_import_rows")
    op.drop_table("org_imports")
