"""What browsers have open: launches and sessions of the SMART app, each sealed with a key that is not kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sealed",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sealed"),
    )
    op.create_index("ix_sealed_until", "sealed", ["until"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("sealed")
