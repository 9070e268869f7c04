"""The first tables: keys, what was shown, feedback, problems of data, used tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "hash_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("made", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hash_key"),
    )
    op.create_table(
        "problem",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "client", "service", "kind", "what", name="pk_problem"),
    )
    op.create_table(
        "used_token",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name="pk_used_token"),
    )
    op.create_index("ix_used_token_until", "used_token", ["until"])
    _shown()
    _feedback()


def _shown() -> None:
    op.create_table(
        "shown",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("matter", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=True),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("hook", sa.String(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("patient_hash", sa.String(), nullable=False),
        sa.Column("user_hash", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("protocol_version", sa.String(), nullable=False),
        sa.Column("rule_set", sa.String(), nullable=False),
        sa.Column("indicator", sa.String(), nullable=False),
        sa.Column("regimen", sa.String(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("standing", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["hash_key.id"], name="fk_shown_key_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shown"),
    )
    for column in ("at", "card", "key_id"):
        op.create_index(f"ix_shown_{column}", "shown", [column])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("received", _INSTANT, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("suggestions", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reason_system", sa.String(), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("unmatched", sa.Boolean(), nullable=False),
        sa.Column("shown_id", _NUMBER, nullable=True),
        sa.Column("patient_hash", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["shown_id"], ["shown.id"], name="fk_feedback_shown_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("event", name="uq_feedback_event"),
    )
    for column in ("card", "patient_hash", "received", "shown_id"):
        op.create_index(f"ix_feedback_{column}", "feedback", [column])


def downgrade() -> None:
    """Take the tables away, with all that is in them."""
    for table in ("feedback", "shown", "used_token", "problem", "hash_key"):
        op.drop_table(table)
