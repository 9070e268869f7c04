"""The report for programs and spreadsheets: one JSON document, or one CSV with a line for every number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from service.insights.report import PERCENTILES, SPANS, Report
from service.insights.words import flags, problem, state

Json = dict[str, Any]
COLUMNS = (
    "table",
    "day",
    "rule",
    "measure",
    "plan",
    "protocol",
    "ruleSet",
    "what",
    "count",
    "of",
    "value",
    "lower",
    "upper",
    "outside",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(told: Report) -> Json:
    """Return the report as a JSON document."""
    return {
        "from": told.first.isoformat(),
        "to": told.last.isoformat(),
        "flags": list(flags(told)),
        "days": [
            {
                "day": day.day.isoformat(),
                "calls": day.calls,
                "callsWithCards": day.with_cards,
                "cards": day.cards,
                "firing": day.firing,
                "latencyMs": _percentiles(day.latency),
            }
            for day in told.days
        ],
        "deliveries": dict(told.deliveries),
        "outcomes": [
            {
                "plan": each.plan,
                "protocol": each.protocol,
                "ruleSet": each.rule_set,
                "shown": each.shown,
                "accepted": each.accepted,
                "overridden": each.overridden,
                "unanswered": each.unanswered,
            }
            for each in told.outcomes
        ],
        "overrides": [{"reason": reason, "count": count} for reason, count in told.reasons],
        "timeToAction": [
            {
                "outcome": each.outcome,
                "count": each.count,
                "medianSeconds": each.median,
                "p90Seconds": each.ninetieth,
                "spans": {name: count for (_, name), count in zip(SPANS, each.spans, strict=True)},
            }
            for each in told.delays
        ],
        "latencyMs": _percentiles(told.latency),
        "problems": [{"kind": k, "says": problem(k), "what": what, "count": n} for k, what, n in told.problems],
        "control": [
            {
                "rule": each.rule,
                "measure": each.measure,
                "usual": each.chart.usual,
                "says": state(each),
                "points": [
                    {
                        "day": point.day.isoformat(),
                        "count": point.share.events,
                        "of": point.share.of,
                        "value": point.share.value,
                        "lower": point.lower,
                        "upper": point.upper,
                        "outside": point.outside,
                    }
                    for point in each.chart.points
                ],
            }
            for each in told.controls
        ],
    }


def as_csv(told: Report) -> str:
    """Return the report as CSV: no cell begins a formula in a spreadsheet."""
    into = io.StringIO()
    writer = csv.DictWriter(into, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(told):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return into.getvalue()


def _percentiles(values: tuple[float | None, ...]) -> Json:
    return {f"p{share * 100:.0f}": value for share, value in zip(PERCENTILES, values, strict=True)}


def _cell(value: Any) -> Any:
    """Return a cell; what a client sent, a reason's code, may be made to run in a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _rows(told: Report) -> Iterator[Json]:
    for day in told.days:
        yield {"table": "firing", "day": day.day, "count": day.with_cards, "of": day.calls, "value": day.firing}
        for name, value in _percentiles(day.latency).items():
            yield {"table": "latencyMs", "day": day.day, "what": name, "value": value}
    for each in told.outcomes:
        same = {"table": "outcome", "plan": each.plan, "protocol": each.protocol, "ruleSet": each.rule_set}
        for what in ("accepted", "overridden", "unanswered"):
            yield same | {"what": what, "count": getattr(each, what), "of": each.shown}
    for reason, count in told.reasons:
        yield {"table": "override", "what": reason, "count": count}
    for delay in told.delays:
        for (_, name), count in zip(SPANS, delay.spans, strict=True):
            yield {"table": "timeToAction", "measure": delay.outcome, "what": name, "count": count, "of": delay.count}
    for kind, what, count in told.problems:
        yield {"table": "problem", "measure": kind, "what": what, "count": count}
    for control in told.controls:
        for point in control.chart.points:
            yield {
                "table": "control",
                "day": point.day,
                "rule": control.rule,
                "measure": control.measure,
                "count": point.share.events,
                "of": point.share.of,
                "value": point.share.value,
                "lower": point.lower,
                "upper": point.upper,
                "outside": point.outside,
            }
