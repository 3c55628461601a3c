"""Customers that wait to be compared with the others."""

import sqlalchemy as sa
from alembic import op

from crm_saas.kit.migrating import protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "org_customers_to_compare",
        sa.Column("tenant_org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_org_id", "id", name=op.f("org_customers_to_compare_pk")),
    )
    protect("org_customers_to_compare")


def downgrade() -> None:
    op.drop_table("org_customers_to_compare")
