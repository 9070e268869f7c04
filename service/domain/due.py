"""When what is watched falls due, which intervals a clinician may choose, and why a choice is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from service.domain.record import months_after
from service.domain.terms import Citation

_DAYS = {"d": 1, "wk": 7}


@dataclass(frozen=True, slots=True)
class Due:
    """From when to when, counted from the first dose; by `unit` a day, a week or a month."""

    first: int
    last: int
    unit: str

    def days(self, start: date) -> tuple[date, date]:
        """Return the first and the last day on which it falls due."""
        return after(start, self.first, self.unit), after(start, self.last, self.unit)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is watched: when, or at the review, and in plain words; without `due` it has no day."""

    plain: str
    due: tuple[Due, ...]
    at_review: bool
    cite: Citation


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of maintenance that a source prints, in months."""

    months: tuple[int, ...]
    cite: Citation


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and where it comes from."""

    says: str
    cite: Citation


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """What the calendar of a plan needs: checks by the protocol's sentence, intervals by regimen, the words.

    `conditions` are what later steps wait for, in plain words.
    """

    checks: Mapping[str, Check]
    intervals: Mapping[tuple[str, int], Intervals]
    said: Mapping[str, Said]
    conditions: Mapping[str, str]


def after(start: date, times: int, unit: str) -> date:
    """Return the day so many days, weeks or months after another."""
    return months_after(start, times) if unit == "mo" else start + timedelta(days=times * _DAYS[unit])
