"""Request budgets: how much of each window the processes have leased."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sys_request_budgets",
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased", sa.Integer(), nullable=False),
        sa.CheckConstraint("leased >= 0", name=op.f("sys_request_budgets_leased_ck")),
        sa.PrimaryKeyConstraint(
            "subject_hash", "window_start", name=op.f("sys_request_budgets_pk")
        ),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        "sys_request_budgets_window_ix", "sys_request_budgets", ["window_start"], unique=False
    )


def downgrade() -> None:
    op.drop_table("sys_request_budgets")
