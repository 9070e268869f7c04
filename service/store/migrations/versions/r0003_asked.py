"""How often each service was asked, by day and rules; and secrets that all workers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = ("day", "client", "service", "protocol", "rule_set")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "asked",
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in _KEY[1:]),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_asked"),
    )
    op.create_table(
        "shared_secret",
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name="pk_shared_secret"),
    )


def downgrade() -> None:
    """Take the tables away, with all that is in them."""
    op.drop_table("shared_secret")
    op.drop_table("asked")
