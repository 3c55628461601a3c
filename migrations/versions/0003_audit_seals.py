"""The seals of the trail, and the head of each tenant's chain; which key a person is hashed with."""

import sqlalchemy as sa
from alembic import op

from crm_saas.kit.migrating import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "org_audit_seals",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_audit_seals_pk")),
        sa.UniqueConstraint("tenant_org_id", "position", name="org_audit_seals_position_uq"),
    )
    op.create_table(
        "org_audit_heads",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_through", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_audit_heads_pk")),
    )
    for table in ("org_audit_seals", "org_audit_heads"):
        protect(table)
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    op.add_column("sys_customers_mst", sa.Column("key_version", sa.BigInteger(), nullable=True))
    # No row has one yet: what is locked meanwhile is locked for the look at each.
    op.create_index(
        "sys_customers_mst_key_version_ix",
        "sys_customers_mst",
        ["key_version"],
        postgresql_where=sa.text("key_version is not null"),
    )


def downgrade() -> None:
    op.drop_index("sys_customers_mst_key_version_ix", "sys_customers_mst")
    op.drop_column("sys_customers_mst", "key_version")
    op.drop_table("org_audit_heads")
    op.drop_table("org_audit_seals")
