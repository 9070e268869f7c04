"""Shares, percentiles and the p-chart: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, sqrt

#: Standard errors from what is usual to a limit.
ERRORS = 3
#: Days that say what is usual, and how many of them must have had something to count.
BASELINE_DAYS = 28
ENOUGH_DAYS = 14


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    events: int
    of: int

    @property
    def value(self) -> float | None:
        """Return the share, None of nothing."""
        return self.events / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Point:
    """One day of a control chart; `outside` is `above` or `below` a limit, None within them."""

    day: date
    share: Share
    lower: float
    upper: float
    outside: str | None


@dataclass(frozen=True, slots=True)
class ControlChart:
    """A p-chart: what is usual, and each day beside its limits; without a baseline there is no `usual` and no point."""

    usual: float | None
    baseline: Share
    baseline_days: int
    points: tuple[Point, ...]

    @property
    def flagged(self) -> tuple[Point, ...]:
        """Return the days outside their limits."""
        return tuple(point for point in self.points if point.outside)


def limits(usual: float, of: int) -> tuple[float, float]:
    """Return the lower and upper limit for a day of so many: three standard errors from what is usual.

    With few or rare events the normal law does not hold, and a single event would be a signal: no limit is nearer than
    that of one event a day (or one non-event).
    """
    high = min(1.0, max(usual, 1 / of))
    low = max(0.0, min(usual, 1 - 1 / of))
    upper = high + ERRORS * sqrt(high * (1 - high) / of)
    lower = low - ERRORS * sqrt(low * (1 - low) / of)
    return max(0.0, lower), min(1.0, upper)


def control_chart(days: Mapping[date, Share], baseline: Sequence[date], judged: Sequence[date]) -> ControlChart:
    """Return the chart of the judged days against the baseline's; a day with nothing to count has no point."""
    known = [days[day] for day in baseline if day in days and days[day].of]
    total = Share(sum(each.events for each in known), sum(each.of for each in known))
    if len(known) < ENOUGH_DAYS or total.value is None:
        return ControlChart(None, total, len(known), ())
    usual = total.value
    points = tuple(_point(day, days[day], usual) for day in judged if day in days and days[day].of)
    return ControlChart(usual, total, len(known), points)


def _point(day: date, share: Share, usual: float) -> Point:
    lower, upper = limits(usual, share.of)
    value = share.events / share.of
    outside = "above" if value > upper else "below" if value < lower else None
    return Point(day, share, lower, upper, outside)


def percentile(counted: Mapping[float, int], share: float) -> float | None:
    """Return the smallest value that at least this share of all are no larger than (nearest rank), None of nothing."""
    total = sum(counted.values())
    if not total:
        return None
    # A share such as 0.95 of 20 must be 19, whatever its binary fraction.
    wanted = max(1, ceil(round(share * total, 9)))
    seen = 0
    for value in sorted(counted):
        seen += counted[value]
        if seen >= wanted:
            return value
    raise AssertionError("a rank is within the count")
