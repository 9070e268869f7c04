"""How long each kind of answer quiets a card, for whom, and what ends the quiet early: the table as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from service.domain.terms import Analyte


class Who(StrEnum):
    """For whom an answer quiets a card."""

    EVERYONE = "everyone"
    THIS_USER = "this-user"


class Until(StrEnum):
    """What ends the quiet before its time."""

    NEW_RESULT = "new-result"
    OTHER_PLAN = "other-plan"


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one kind of answer quiets a card, for whom, and what ends it early."""

    days: int
    who: Who
    until: frozenset[Until]


@dataclass(frozen=True, slots=True)
class Quieting:
    """The table of mappings/quieting.yaml; reasons are codes of one system."""

    system: str
    results: frozenset[Analyte]
    accepted: Rule
    unexplained: Rule
    reasons: Mapping[str, Rule]

    @property
    def longest(self) -> timedelta:
        """Return the longest time that any answer can quiet a card."""
        rules = (self.accepted, self.unexplained, *self.reasons.values())
        return timedelta(days=max(rule.days for rule in rules))

    def rule(self, reason: str | None, system: str | None, *, accepted: bool) -> Rule:
        """Return the line of the table for an answer; a reason of another system is no reason of the table."""
        if accepted:
            return self.accepted
        known = self.reasons.get(reason) if reason and system in (None, self.system) else None
        return known or self.unexplained
