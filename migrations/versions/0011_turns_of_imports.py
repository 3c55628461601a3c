"""Whose turn it is to work on an import, so that of two jobs one stops."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    op.add_column(
        "org_imports", sa.Column("turn", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'")
    op.drop_column("org_imports", "turn")
