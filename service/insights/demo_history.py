"""Eight weeks of a clinic that does not exist, for the demo's own database: the same every time, its dates up to today.

One rule was followed less on one day, so that the report has something to flag.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from service.domain.protocol import Book, Protocol
from service.domain.quieting import Standing
from service.insights.report import span
from service.store.database import Database, StoreError, opened
from service.store.feedback import match
from service.store.keys import KeyRing
from service.store.migrate import require
from service.store.rows import stored
from service.store.tables import Asked, FeedbackRow, Problem, Shown

log = logging.getLogger("service.insights")

CLIENT, SERVICE, HOOK = "demo-clinic", "b12-patient-view", "patient-view"
SEED = "b12-cds demo history"
#: The rules that speak, how often one does in a call, how often its card is accepted or refused, and its card.
_RULES = (
    ("K3", 0.060, 0.62, 0.22, "treatment", "warning", True),
    ("K5", 0.035, 0.55, 0.27, "treatment", "info", True),
    ("K7", 0.051, 0.48, 0.20, "workup", "info", False),
    ("K13", 0.025, 0.50, 0.25, "treatment", "info", True),
    ("K19", 0.045, 0.30, 0.30, "response", "info", False),
)
_WEEKDAY, _WEEKEND = 160, 40
#: Days ago of the new version of the rules, and of the working day that stands out, at the latest.
_CHANGED, _STRANGE, _STRANGE_RULE = 20, 5, "K5"
_WEIGHTS = (9, 6, 4, 3, 2, 2, 1, 1)


@dataclass(frozen=True, slots=True)
class Filled:
    """How much was written."""

    calls: int
    cards: int
    answers: int


def fill(database: Database, book: Book, protocol: Protocol, today: date) -> Filled:
    """Write the history into a database that has none of it yet, and return how much; raises StoreError."""
    with database.reading() as connection:
        if connection.execute(select(func.count()).where(Shown.client == CLIENT)).scalar_one():
            return Filled(0, 0, 0)
    clinic = _Clinic(random.Random(SEED), book, protocol, KeyRing(database).newest.id, today)  # noqa: S311
    first, _ = span(today)
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    asked: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for day in days:
        asked.append(clinic.calls(day))
        problems.extend(clinic.problems(day))
        for card, answer in clinic.cards(day, asked[-1]["count"]):
            shown.append(card)
            answers.extend([answer] if answer else [])
    with database.writing() as connection:
        for table, rows in ((Asked, asked), (Problem, problems), (Shown, shown), (FeedbackRow, answers)):
            connection.execute(insert(table), rows)
    match(database, {row["card"] for row in answers})
    return Filled(sum(row["count"] for row in asked), len(shown), len(answers))


def fill_file(file: str, protocol: str) -> None:
    """Write the history up to today into the demo's database; without it the demo goes on."""
    from service.evaluate import shipped

    book = shipped().book
    database = opened(file)
    try:
        require(database)
        # A site's own protocol is in no shipped book; the clinic then follows another one.
        followed = book.protocols.get(protocol) or next(iter(book.protocols.values()))
        fill(database, book, followed, datetime.now(UTC).date())
    except StoreError as error:
        log.error("the demo has no history: %s", error)
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class _Clinic:
    random: random.Random
    book: Book
    protocol: Protocol
    key_id: int
    today: date

    def calls(self, day: date) -> dict[str, Any]:
        usual = _WEEKDAY if day.weekday() < 5 else _WEEKEND
        return {
            "day": day,
            "client": CLIENT,
            "service": SERVICE,
            "protocol": self.protocol.id,
            "rule_set": self._rules(day),
            "count": usual + self.random.randint(-usual // 6, usual // 6),
        }

    def problems(self, day: date) -> Iterator[dict[str, Any]]:
        usual = (("unreadable-unit", "b12", 4), ("unreadable-unit", "mma", 2), ("unreadable-date", "Condition", 1))
        for kind, what, often in (*usual, ("missing", "procedures", 2), ("not-all", "bloods", 1)):
            count = self.random.randint(0, 2 * often)
            if count:
                yield {"day": day, "client": CLIENT, "service": SERVICE, "kind": kind, "what": what, "count": count}

    def cards(self, day: date, calls: int) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
        strange = day == self._strange()
        for _ in range(calls):
            drawn = self.random.random()
            for rule, often, accepts, refuses, matter, indicator, treats in _RULES:
                drawn -= often
                if drawn >= 0:
                    continue
                if strange and rule == _STRANGE_RULE:
                    accepts, refuses = 0.0, 0.95
                card = self._card(day, rule, matter, indicator, self._plan() if treats else None)
                yield card, self._answer(card, accepts, refuses)
                break
            # What stands out must have been met often enough to be seen.
            if strange and self.random.random() < 0.06:
                card = self._card(day, _STRANGE_RULE, "treatment", "info", self._plan())
                yield card, self._answer(card, 0.0, 0.95)

    def _card(self, day: date, rule: str, matter: str, indicator: str, plan: str | None) -> dict[str, Any]:
        at = datetime.combine(day, time(8), UTC) + timedelta(seconds=self.random.randint(0, 9 * 3600))
        return {
            "at": at,
            "card": self._name(),
            "matter": matter,
            "delivery": "shown",
            "because": None,
            "client": CLIENT,
            "service": SERVICE,
            "hook": HOOK,
            "key_id": self.key_id,
            "patient_hash": f"{self.random.getrandbits(128):032x}",
            "user_hash": f"{self.random.getrandbits(128):032x}",
            "rule": rule,
            "protocol": self.protocol.id,
            "protocol_version": self.protocol.version,
            "rule_set": self._rules(day),
            "indicator": indicator,
            "regimen": plan,
            "latency_ms": round(self.random.lognormvariate(math.log(6), 0.6), 2),
            "standing": stored(Standing(plan=plan)),
        }

    def _answer(self, card: dict[str, Any], accepts: float, refuses: float) -> dict[str, Any] | None:
        drawn = self.random.random()
        if drawn >= accepts + refuses:
            return None
        accepted = drawn < accepts
        at = card["at"] + timedelta(seconds=round(self.random.lognormvariate(math.log(45 if accepted else 20), 1.3)))
        reasons = sorted(self.book.quieting.reasons)[: len(_WEIGHTS)]
        reason = self.random.choices([*reasons, None], [*_WEIGHTS[: len(reasons)], 4])[0]
        return {
            "event": f"{self.random.getrandbits(256):064x}",
            "received": at,
            "at": at,
            "client": CLIENT,
            "service": SERVICE,
            "card": card["card"],
            "outcome": "accepted" if accepted else "overridden",
            "suggestions": ["demo"] if accepted else [],
            "reason": None if accepted else reason,
            "reason_system": None if accepted or reason is None else self.book.quieting.system,
            "comment": None,
            "unmatched": True,
        }

    def _strange(self) -> date:
        """Return the day that stands out: a working day, for it takes cards to be seen."""
        days = (self.today - timedelta(days=_STRANGE + more) for more in range(3))
        return next(day for day in days if day.weekday() < 5)

    def _plan(self) -> str:
        offered = sorted({choice.regimen.id for row in self.protocol.table.values() for choice in row.choices})
        return self.random.choice(offered[:3])

    def _rules(self, day: date) -> str:
        """Return the version of the rules in force: until some weeks ago one before today's."""
        return self.book.version if (self.today - day).days <= _CHANGED else self.book.version[::-1]

    def _name(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))
