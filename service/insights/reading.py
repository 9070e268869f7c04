"""What is read from the store for a report: counts by day, rule, plan and answer; no patient, no user, no comment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Integer, Row, Select, cast, func, select

from service.store.database import Database
from service.store.tables import Asked, FeedbackRow, Problem, Shown

SHOWN = "shown"
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """What cards are counted by."""

    day: date
    rule: str
    plan: str | None
    protocol: str
    rule_set: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A clinician's last answer to a card of this kind, and how long after it was shown, in seconds."""

    kind: Kind
    accepted: bool
    reason: str | None
    seconds: float


@dataclass(slots=True)
class History:
    """Everything that a report counts, from a day up to and with another (UTC)."""

    first: date
    last: date
    asked: Counter[date] = field(default_factory=Counter)
    #: Calls in which a card of a rule was shown.
    fired: Counter[tuple[date, str]] = field(default_factory=Counter)
    shown: Counter[Kind] = field(default_factory=Counter)
    #: By day and whether it was shown, quiet, silent or switched off.
    delivered: Counter[tuple[date, str]] = field(default_factory=Counter)
    replies: list[Reply] = field(default_factory=list)
    #: Milliseconds, to a tenth.
    latency: Counter[tuple[date, float]] = field(default_factory=Counter)
    problems: Counter[tuple[date, str, str]] = field(default_factory=Counter)


def history(database: Database, first: date, last: date) -> History:
    """Return what happened in these days; raises StoreError."""
    start, end = _midnight(first), _midnight(last + timedelta(days=1))
    # Both are UTC: SQLite keeps no zone, and a PostgreSQL session may have one of its own.
    day = func.date(Shown.at) if database.is_sqlite else func.date(func.timezone("UTC", Shown.at))
    within = (Shown.at >= start, Shown.at < end)
    found = History(first, last)
    with database.reading() as connection:
        for row in connection.execute(_in_days(select(Asked.day, func.sum(Asked.count)), Asked, first, last)):
            found.asked[row[0]] = int(row[1])
        wanted = select(Problem.day, Problem.kind, Problem.what, func.sum(Problem.count))
        for row in connection.execute(_in_days(wanted, Problem, first, last, Problem.kind, Problem.what)):
            found.problems[row[0], row[1], row[2]] = int(row[3])
        kinds = (day, Shown.rule, Shown.regimen, Shown.protocol, Shown.rule_set, Shown.delivery)
        for row in connection.execute(select(*kinds, func.count()).where(*within).group_by(*kinds)):
            _cards(found, row)
        # All cards of one call share its instant and its patient.
        calls = select(day.label("day"), Shown.rule, Shown.at, Shown.client, Shown.service, Shown.patient_hash)
        one = calls.where(*within, Shown.delivery == SHOWN).distinct().subquery()
        for row in connection.execute(select(one.c.day, one.c.rule, func.count()).group_by(one.c.day, one.c.rule)):
            found.fired[_day(row[0]), row[1]] = row[2]
        tenths = cast(func.round(Shown.latency_ms * _TENTHS), Integer)
        for row in connection.execute(select(day, tenths, func.count()).where(*within).group_by(day, tenths)):
            found.latency[_day(row[0]), row[1] / _TENTHS] = row[2]
        found.replies = _replies(connection.execute(_answers(start, end)))
    return found


def _in_days(wanted: Any, table: Any, first: date, last: date, *more: Any) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = wanted.where(table.day >= first, table.day <= last).group_by(table.day, *more)
    return found


def _cards(found: History, row: Row[*tuple[Any, ...]]) -> None:
    on, rule, plan, protocol, rule_set, delivery, count = row
    kind = Kind(_day(on), rule, plan, protocol, rule_set)
    found.delivered[kind.day, delivery] += count
    if delivery == SHOWN:
        found.shown[kind] += count


def _answers(start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Shown.id,
            Shown.at.label("shown"),
            Shown.rule,
            Shown.regimen,
            Shown.protocol,
            Shown.rule_set,
            FeedbackRow.at,
            FeedbackRow.received,
            FeedbackRow.outcome,
            FeedbackRow.reason,
        )
        .join(FeedbackRow, FeedbackRow.shown_id == Shown.id)
        .where(Shown.at >= start, Shown.at < end, Shown.delivery == SHOWN)
        .order_by(FeedbackRow.at, FeedbackRow.id)
    )


def _replies(rows: Any) -> list[Reply]:
    """Return one answer a card: the newest decides."""
    newest: dict[int, Reply] = {}
    for row in rows:
        kind = Kind(row.shown.date(), row.rule, row.regimen, row.protocol, row.rule_set)
        # A client's clock may be ahead, or behind.
        seconds = max(0.0, (min(row.at, row.received) - row.shown).total_seconds())
        newest[row.id] = Reply(kind, row.outcome == "accepted", row.reason, seconds)
    return list(newest.values())


def _day(found: date | str) -> date:
    return date.fromisoformat(found) if isinstance(found, str) else found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
