"""The report in words: what was outside its limits, what a problem was, how long something took."""

from __future__ import annotations

from collections.abc import Iterator

from service.insights.report import ACCEPTANCE, FIRING, OVERRIDE, Control, Report
from service.insights.statistics import BASELINE_DAYS, ENOUGH_DAYS, Point

#: What each measure is a share of.
OF = {FIRING: "calls", ACCEPTANCE: "cards shown", OVERRIDE: "cards shown"}
MEASURED = {FIRING: "shown", ACCEPTANCE: "accepted", OVERRIDE: "overridden"}
_PROBLEMS = {
    "missing": "could not be fetched",
    "not-all": "not all pages could be read",
    "unreadable-unit": "a unit that is not known, or none",
    "unreadable-date": "a date that cannot be read, or none",
    "unreadable-value": "a value that cannot be read, or none",
    "unreadable-status": "a status that cannot be read, or none",
    "unreadable-dose": "a dose that cannot be read",
    "unreadable-medicine": "a medicine that is not known",
    "unreadable-code": "a code that cannot be read, or none",
    "unreadable-other": "could not be read",
}


def flags(told: Report) -> Iterator[str]:
    """Yield one sentence for every day on which a measure was outside its limits, the newest first."""
    found = [(point, control) for control in told.flagged for point in control.chart.flagged]
    found.sort(key=lambda each: (-each[0].day.toordinal(), each[1].rule, each[1].measure))
    for point, control in found:
        yield flag(point, control)


def flag(point: Point, control: Control) -> str:
    """Return what was outside, by how much, and what is usual."""
    limit = point.upper if point.outside == "above" else point.lower
    end = "upper" if point.outside == "above" else "lower"
    return (
        f"{point.day.isoformat()}: rule {control.rule}, {control.measure}: {percent(point.share.value)} "
        f"({point.share.events} of {point.share.of} {OF[control.measure]} {MEASURED[control.measure]}), "
        f"{point.outside} the {end} limit of {percent(limit)}; usual {percent(control.chart.usual)}."
    )


def state(control: Control) -> str:
    """Return how a measure does, in a few words."""
    chart = control.chart
    if chart.usual is None:
        return f"not judged: {chart.baseline_days} of {BASELINE_DAYS} days to compare with, {ENOUGH_DAYS} are needed"
    count = len(chart.flagged)
    if not count:
        return f"within limits; usual {percent(chart.usual)}"
    return f"{count} {'day' if count == 1 else 'days'} outside; usual {percent(chart.usual)}"


def percent(value: float | None) -> str:
    """Return a share for people: one decimal where it is small."""
    if value is None:
        return "–"
    return f"{value * 100:.1f} %" if value < 0.1 else f"{value * 100:.0f} %"


def seconds(value: float | None) -> str:
    """Return a duration for people."""
    if value is None:
        return "–"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} s"


def problem(kind: str) -> str:
    """Return what a kind of problem is."""
    return _PROBLEMS.get(kind, kind)
