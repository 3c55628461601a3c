"""Stored answers that hold what was decided after they were written, beside it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Whoever waits for a table keeps all who come later waiting: give up, and be run again.
    op.execute("set local lock_timeout = '3s'")
    op.add_column("org_idempotency_keys", sa.Column("late", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("org_idempotency_keys", "late")
