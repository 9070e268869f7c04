"""The tables, typed. A patient and a user stand in them as keyed hashes only; no value and no date of a chart does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Integer, MetaData, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An instant in UTC; SQLite keeps no zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what is stored; raises ValueError for a time that says no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the instant in UTC."""
        if value is None:
            return None
        found: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return found


#: SQLite counts only a plain INTEGER up by itself.
Number = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=_NAMES)


class HashKey(Base):
    """A key that patients and users are hashed with; the newest is used, older ones are kept while rows need them."""

    __tablename__ = "hash_key"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret: Mapped[str]
    made: Mapped[datetime] = mapped_column(Instant)


class Shown(Base):
    """One card that was made: for whom (hashed), by which rules, and whether it was shown, quiet or silent."""

    __tablename__ = "shown"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    card: Mapped[str] = mapped_column(index=True)
    matter: Mapped[str]
    delivery: Mapped[str]
    because: Mapped[str | None]
    client: Mapped[str]
    service: Mapped[str]
    hook: Mapped[str]
    key_id: Mapped[int] = mapped_column(ForeignKey("hash_key.id"), index=True)
    patient_hash: Mapped[str]
    user_hash: Mapped[str | None]
    rule: Mapped[str]
    protocol: Mapped[str]
    protocol_version: Mapped[str]
    rule_set: Mapped[str]
    indicator: Mapped[str]
    regimen: Mapped[str | None]
    latency_ms: Mapped[float]
    standing: Mapped[dict[str, Any]] = mapped_column(JSON)


class FeedbackRow(Base):
    """One answer of a clinician to one card; without `shown_id` the card is not known here."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    event: Mapped[str] = mapped_column(unique=True)
    received: Mapped[datetime] = mapped_column(Instant, index=True)
    at: Mapped[datetime] = mapped_column(Instant)
    client: Mapped[str]
    service: Mapped[str]
    card: Mapped[str] = mapped_column(index=True)
    outcome: Mapped[str]
    suggestions: Mapped[list[str]] = mapped_column(JSON)
    reason: Mapped[str | None]
    reason_system: Mapped[str | None]
    comment: Mapped[str | None]
    unmatched: Mapped[bool]
    shown_id: Mapped[int | None] = mapped_column(ForeignKey("shown.id", ondelete="SET NULL"), index=True)
    patient_hash: Mapped[str | None] = mapped_column(index=True)


class Problem(Base):
    """How often data was missing or could not be read, by day; no value, no patient."""

    __tablename__ = "problem"

    day: Mapped[date] = mapped_column(primary_key=True)
    client: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class Asked(Base):
    """How often a service was asked about a patient, by day and rules: what firing is counted against."""

    __tablename__ = "asked"

    day: Mapped[date] = mapped_column(primary_key=True)
    client: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    protocol: Mapped[str] = mapped_column(primary_key=True)
    rule_set: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class SharedSecret(Base):
    """A secret that all workers share, by what it is for."""

    __tablename__ = "shared_secret"

    purpose: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[str]


class UsedToken(Base):
    """One token that was used, until it expires by itself."""

    __tablename__ = "used_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    issuer: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(Instant)


class Sealed(Base):
    """Something a browser has open: under the hash of its id, sealed with a key made of that id, until it ends."""

    __tablename__ = "sealed"

    key: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(Instant, index=True)
    content: Mapped[str]
