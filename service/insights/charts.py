"""The report's charts; every one stands beside a table that says the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pygal
from pygal.graph.graph import Graph

from service.insights.report import SPANS, Control, Report
from service.insights.words import percent, problem
from service.pages.charts import STROKES, USUAL

#: Every so many days a date stands under a chart.
_EVERY = 7
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def firing(told: Report) -> Graph:
    """Return the share of calls in which a card was shown, by day."""
    chart = _by_day([day.day for day in told.days], percent)
    chart.add("calls with a card", [day.firing for day in told.days], stroke_style=STROKES[0])
    return chart


def latency(told: Report) -> Graph:
    """Return how long answers with a card took, by day."""
    chart = _by_day([day.day for day in told.days], lambda ms: f"{ms:.0f} ms")
    for place, name in enumerate(("half of all within", "95 % within", "99 % within")):
        chart.add(name, [day.latency[place] for day in told.days], stroke_style=STROKES[place])
    return chart


def outcomes(told: Report) -> Graph:
    """Return what became of the cards, by plan and rule set."""
    chart = pygal.HorizontalStackedBar(**_bars(len(told.outcomes)))
    # The first is drawn at the bottom.
    drawn = told.outcomes[::-1]
    chart.x_labels = [f"{each.plan} · {each.rule_set[:6]}" for each in drawn]
    chart.add("accepted", [each.accepted for each in drawn])
    chart.add("overridden", [each.overridden for each in drawn])
    chart.add("no answer", [each.unanswered for each in drawn])
    return chart


def reasons(told: Report) -> Graph:
    """Return why cards were overridden."""
    return _counted([(reason[:40], count) for reason, count in told.reasons], "overrides")


def problems(told: Report) -> Graph:
    """Return what was wrong with data."""
    return _counted([(f"{what}: {problem(kind)}"[:48], count) for kind, what, count in told.problems], "times")


def delays(told: Report) -> Graph:
    """Return how long it took to answer a card."""
    chart = pygal.Bar(**USUAL)
    chart.x_labels = [name.removeprefix("up to ") for _, name in SPANS]
    for each in told.delays:
        chart.add(each.outcome, list(each.spans))
    return chart


def control(of: Control) -> Graph:
    """Return a control chart: each day, what is usual, the limits, and a larger mark on what is outside."""
    points = of.chart.points
    chart = _by_day([point.day for point in points], percent)
    days: list[Any] = [{"value": point.share.value, "node": {"r": 3}} for point in points]
    chart.add(of.measure, days, stroke_style=STROKES[0], show_dots=True)
    chart.add("usual", [of.chart.usual] * len(points), stroke_style=STROKES[1], show_dots=False)
    chart.add("upper limit", [point.upper for point in points], stroke_style=STROKES[2], show_dots=False)
    chart.add("lower limit", [point.lower for point in points], stroke_style=STROKES[2], show_dots=False)
    outside = [{"value": p.share.value, "node": {"r": 9}} if p.outside else None for p in points]
    chart.add("outside", outside, stroke=False, show_dots=True)
    return chart


CHARTS: dict[str, Callable[[Report], Graph]] = {
    "firing": firing,
    "outcomes": outcomes,
    "reasons": reasons,
    "delays": delays,
    "latency": latency,
    "problems": problems,
}


def heights(told: Report) -> dict[str, int]:
    """Return the height of the charts that grow with what they show."""
    counts = {"outcomes": told.outcomes, "reasons": told.reasons, "problems": told.problems}
    return {name: _height(len(rows)) for name, rows in counts.items()}


def _by_day(days: list[date], formatter: Callable[[float], str], **more: Any) -> Graph:
    chart = pygal.Line(**USUAL, value_formatter=formatter, include_x_axis=True, show_minor_x_labels=False, **more)
    chart.x_labels = [_short(day) for day in days]
    chart.x_labels_major = [_short(day) for day in days[::_EVERY]]
    return chart


def _short(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def _counted(counted: list[tuple[str, int]], name: str) -> Graph:
    chart = pygal.HorizontalBar(**_bars(len(counted)), show_legend=False)
    chart.x_labels = [label for label, _ in counted[::-1]]
    chart.add(name, [count for _, count in counted[::-1]])
    return chart


def _bars(count: int) -> dict[str, Any]:
    return USUAL | {"height": _height(count)}


def _height(count: int) -> int:
    return 110 + 34 * max(count, 2)
