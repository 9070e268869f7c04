"""The tables that stand beside the charts: a caption, columns, which of them are numbers, and rows of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.insights.report import SPANS, Control, Report
from service.insights.words import MEASURED, percent, problem, seconds


@dataclass(frozen=True, slots=True)
class Table:
    """One table, ready to be shown; `numbers` are the places of columns that hold numbers."""

    caption: str
    head: Sequence[str]
    numbers: Sequence[int]
    rows: Sequence[Sequence[object]]


def firing(told: Report) -> Table:
    """Return calls and cards by day."""
    rows = [
        (day.day, "not counted" if day.calls is None else day.calls, day.with_cards, day.cards, percent(day.firing))
        for day in told.days
    ]
    return Table("Calls and cards by day", ("Day", "Calls", "With a card", "Cards", "Share"), (1, 2, 3, 4), rows)


def latency(told: Report) -> Table:
    """Return how long answers took, by day."""
    rows = [(day.day, *(_tenths(value) for value in day.latency)) for day in told.days]
    return Table("Milliseconds by day", ("Day", "Half within", "95 % within", "99 % within"), (1, 2, 3), rows)


def outcomes(told: Report) -> Table:
    """Return what became of cards, by plan and rule set."""
    rows = [
        (
            each.plan,
            each.protocol,
            each.rule_set[:6],
            each.shown,
            each.accepted,
            each.overridden,
            each.unanswered,
            percent(each.accepted / each.shown),
        )
        for each in told.outcomes
    ]
    head = ("Plan", "Protocol", "Rule set", "Shown", "Accepted", "Overridden", "No answer", "Accepted, share")
    return Table("Cards by plan and rule set", head, range(3, 8), rows)


def reasons(told: Report) -> Table:
    """Return why cards were overridden."""
    return Table("Overrides by reason", ("Reason", "Overrides"), (1,), told.reasons)


def delays(told: Report) -> Table:
    """Return how long it took to answer."""
    rows = [
        (each.outcome.capitalize(), each.count, seconds(each.median), seconds(each.ninetieth), *each.spans)
        for each in told.delays
    ]
    head = ("Answer", "Count", "Half within", "90 % within", *(name.capitalize() for _, name in SPANS))
    return Table("Time to an answer", head, range(1, len(head)), rows)


def problems(told: Report) -> Table:
    """Return what was wrong with data."""
    rows = [(what, problem(kind), count) for kind, what, count in told.problems]
    return Table("Problems with data", ("Data", "Problem", "Times"), (2,), rows)


def control(of: Control) -> Table:
    """Return a control chart's days."""
    rows = [
        (
            point.day,
            point.share.events,
            point.share.of,
            percent(point.share.value),
            percent(point.lower),
            percent(point.upper),
            point.outside or "within",
        )
        for point in of.chart.points
    ]
    head = ("Day", MEASURED[of.measure].capitalize(), "Of", "Share", "Lower limit", "Upper limit", "State")
    return Table(f"{of.measure.capitalize()} of rule {of.rule}", head, range(1, 6), rows)


#: What stands beside each chart, in the page's order: its title, what the picture shows, its table.
SECTIONS: tuple[tuple[str, str, str, Callable[[Report], Table]], ...] = (
    ("firing", "Calls in which a card was shown", "Share of calls in which a card was shown, by day.", firing),
    ("latency", "How fast", "Time to an answer with a card by day: median, 95th and 99th percentile.", latency),
    (
        "outcomes",
        "Accepted, by plan and version of the rules",
        "Cards accepted, overridden and not answered.",
        outcomes,
    ),
    ("reasons", "Why cards were overridden", "Overrides by reason.", reasons),
    ("delays", "Time to an answer", "Answers by how long after the card they came.", delays),
    ("problems", "Problems with data", "Problems with data by kind.", problems),
)


def _tenths(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
