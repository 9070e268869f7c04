"""Each use of a token waits for its row: it is written in one place instead of three.

What has expired is found once a minute by looking at every row, of which there are a few minutes' worth.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEX = "ix_used_token_until"


def upgrade() -> None:
    """Take the index of ends away; in a file, keep the rows in their key."""
    op.drop_index(_INDEX, "used_token")
    _made_again(rows=False)


def downgrade() -> None:
    """Keep rows beside their key again, and an index of ends."""
    _made_again(rows=True)
    op.create_index(_INDEX, "used_token", ["until"])


def _made_again(*, rows: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "used_token_again",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name="pk_used_token"),
        sqlite_with_rowid=rows,
    )
    op.execute("INSERT INTO used_token_again (issuer, jti, until) SELECT issuer, jti, until FROM used_token")
    op.drop_table("used_token")
    op.rename_table("used_token_again", "used_token")
