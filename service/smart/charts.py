"""The timeline of one test: its results against the lines that the protocol reads them by, with B12 treatment below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pygal
from pygal.graph.graph import Graph
from pygal.style import Style

from service.cards.text import day
from service.domain.decision import Decision
from service.domain.protocol import Band
from service.domain.record import Course, Exposure, Result
from service.domain.results import band_of, is_low, read_marker
from service.domain.terms import Analyte
from service.knowledge.load import shared_units
from service.pages.charts import COLOURS, STYLE, USUAL
from service.smart.calendar import Plan

SHOWN = (
    Analyte.B12,
    Analyte.ACTIVE_B12,
    Analyte.MMA,
    Analyte.HAEMOGLOBIN,
    Analyte.MCV,
    Analyte.RETICULOCYTES,
    Analyte.RETICULOCYTE_COUNT,
)
_BANDS = {Band.LOW: "low", Band.INDETERMINATE: "between the lines", Band.UNLIKELY: "not low"}
_CITED = {
    Analyte.MMA: (("raised above", "mma_raised"), ("borderline above", "mma_borderline")),
    Analyte.HAEMOGLOBIN: (("anaemia below", "haemoglobin_anaemia"), ("severe below", "haemoglobin_severe")),
    Analyte.MCV: (("raised above", "mcv_raised"),),
}
_ROOM = 0.1
_LEAST_DAYS = 28
_LINES = ({"width": 1.5, "dasharray": "8, 4"}, {"width": 1.5, "dasharray": "2, 4"})
#: Strokes are those of each series, and what is filled is seen through.
_SHEET = """
.series .line { stroke-width: inherit !important; }
.series .line:not(.nofill) { fill-opacity: .14 !important; }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that results are read by."""

    label: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    """One result: its day, value as printed, what it says, and why it does not count, if so."""

    on: date
    value: Decimal
    shown: str
    reading: str
    aside: str
    resource: str


@dataclass(frozen=True, slots=True)
class Span:
    """B12 that was taken, or is planned."""

    label: str
    first: date
    last: date
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything one picture and its table show."""

    analyte: Analyte
    title: str
    unit: str
    points: tuple[Point, ...]
    lines: tuple[Line, ...]
    spans: tuple[Span, ...]
    first: date
    last: date

    @property
    def told(self) -> str:
        """Return the picture in words."""
        results = "; ".join(f"{p.shown} on {day(p.on)} ({p.reading or 'no line'})" for p in self.points)
        lines = f" Lines: {', '.join(f'{each.label} {each.value:f}' for each in self.lines)}." if self.lines else ""
        return f"{self.title}: {results}.{lines}"


def timelines(decision: Decision, plan: Plan | None) -> tuple[Timeline, ...]:
    """Return the timeline of each test that has a measured result; all share one span of days."""
    found = [(analyte, _measured(decision, analyte)) for analyte in SHOWN]
    dated = [r.taken.latest for _, results in found for r in results]
    if not dated:
        return ()
    spans = tuple(_spans(decision, plan))
    today = decision.evidence.today
    starts = [s.first for s in spans if not s.planned]
    first = min([*dated, *(day for day in starts if day >= min(dated) - timedelta(days=365))])
    last = max([today, *(s.last for s in spans if s.planned)])
    # A single day has no width to draw on.
    first = min(first, last - timedelta(days=_LEAST_DAYS))
    shown = tuple(s for s in spans if s.last >= first)
    return tuple(_timeline(decision, a, results, shown, first, last) for a, results in found if results)


def drawn(timeline: Timeline) -> Graph:
    """Return the picture of a timeline: results, lines, the side of the first line that is not well, and treatment."""
    values = [float(p.value) for p in timeline.points] + [float(each.value) for each in timeline.lines]
    low, high = min(values), max(values)
    room = _ROOM * ((high - low) or high or 1)
    floor, ceiling = low - (3 * room if timeline.spans else room), high + room
    chart = pygal.DateLine(**_settings(timeline, floor, ceiling))
    chart.xrange = timeline.first, timeline.last
    results = [(p.on, float(p.value)) for p in timeline.points]
    chart.add(f"{timeline.title}, {timeline.unit}", results, stroke_style={"width": 2.5})
    for number, line in enumerate(timeline.lines):
        ends = [(timeline.first, float(line.value)), (timeline.last, float(line.value))]
        chart.add(f"{line.label} {line.value:f}", ends, show_dots=False, fill=number == 0, stroke_style=_LINES[number])
    for span in timeline.spans:
        height = floor + room * (1.4 if span.planned else 0.7)
        ends = [(max(span.first, timeline.first), height), (min(span.last, timeline.last), height)]
        style = {"width": 8, "dasharray": "4, 3"} if span.planned else {"width": 8}
        chart.add(span.label, ends, show_dots=False, stroke_style=style)
    return chart


def _settings(timeline: Timeline, floor: float, ceiling: float) -> dict[str, Any]:
    colours = (COLOURS[0], *COLOURS[1 : 1 + len(timeline.lines)], *map(_colour, timeline.spans))
    rows = (1 + len(timeline.lines) + len(timeline.spans) + 1) // 2
    return USUAL | {
        "width": 480,
        "height": 250 + 24 * rows,
        "margin_bottom": 34,
        "margin_right": 34,
        "style": _style(colours),
        "css": [*USUAL["css"], f"inline:{_SHEET}"],
        "range": (floor, ceiling),
        # What is filled is filled from here: from below for what is too low, from above for what is too high.
        "zero": floor if _low_first(timeline) else ceiling,
        "x_labels": _days(timeline),
        "show_minor_x_labels": True,
        "x_value_formatter": lambda when: f"{when:%b %Y}",
        "dots_size": 4,
        "legend_box_size": 10,
        "legend_at_bottom_columns": 2,
        "truncate_legend": -1,
        "show_x_guides": False,
        "show_y_guides": False,
    }


def _low_first(timeline: Timeline) -> bool:
    """Return whether the first line is one that a healthy result is above."""
    return not timeline.lines or not timeline.lines[0].label.endswith("above")


def _days(timeline: Timeline) -> list[date]:
    length = (timeline.last - timeline.first).days
    return [timeline.first + timedelta(days=length * n // 3) for n in range(4)] if length > 3 else [timeline.last]


def _style(colours: tuple[str, ...]) -> Style:
    return type(STYLE)(**{k: v for k, v in vars(STYLE).items() if not k.startswith("_")} | {"colors": colours})


def _colour(span: Span) -> str:
    return "#7a7f87" if span.planned else COLOURS[3]


def _measured(decision: Decision, analyte: Analyte) -> list[Result]:
    """Return the results of a test that have a value, oldest first, in the unit of the newest."""
    results = [r for r in decision.evidence.record.of(analyte) if r.measure is not None]
    return [r for r in results if r.measure and results[0].measure and r.measure.unit == results[0].measure.unit][::-1]


def _timeline(
    decision: Decision, analyte: Analyte, results: list[Result], spans: tuple[Span, ...], first: date, last: date
) -> Timeline:
    aside = {result.resource: why.value for result, why in decision.evidence.set_aside}
    title = next(test.title for test in decision.tests if test.analyte is analyte)
    newest = results[-1].measure
    points = [
        Point(r.taken.latest, r.measure.value, r.shown, reading(decision, r), aside.get(r.resource, ""), r.resource)
        for r in results
        if r.measure is not None
    ]
    unit = newest.unit if newest is not None else ""
    return Timeline(analyte, title, unit, tuple(points), tuple(_lines(decision, results[-1], unit)), spans, first, last)


def _lines(decision: Decision, newest: Result, unit: str) -> Iterator[Line]:
    """Yield the protocol's lines in this unit, else the laboratory's own range."""
    protocol = decision.protocol
    bands = protocol.bands.get(newest.analyte, {}).get(unit)
    if bands is not None:
        yield Line("low below", bands.low_below)
        yield Line("not low from" if bands.unlikely_includes else "not low above", bands.unlikely)
        return
    cited = _CITED.get(newest.analyte, ())
    units = shared_units()
    for label, name in cited:
        if units[name.replace("_", "-")] == unit:
            severe = name == "haemoglobin_severe" and decision.evidence.pregnant
            yield Line(label, getattr(protocol.limits, "haemoglobin_severe_pregnant" if severe else name))
    if not cited:
        ends = (("laboratory's range from", newest.range_low), ("laboratory's range to", newest.range_high))
        yield from (Line(label, value) for label, value in ends if value is not None)


def reading(decision: Decision, result: Result) -> str:
    """Return what a result says by the protocol's lines or the laboratory's own."""
    protocol = decision.protocol
    limits = protocol.limits
    if result.analyte in (Analyte.B12, Analyte.ACTIVE_B12):
        band = band_of(result, protocol)
        return _BANDS[band] if band is not None else ""
    if result.analyte is Analyte.HAEMOGLOBIN:
        severe = limits.haemoglobin_severe_pregnant if decision.evidence.pregnant else limits.haemoglobin_severe
        if result.measure is not None and result.measure.below(severe):
            return "very low"
        low = is_low(result, limits.haemoglobin_anaemia)
        return "" if low is None else "low" if low else "not low"
    if result.analyte is Analyte.MMA:
        marker = read_marker(result, limits.mma_raised, limits.mma_borderline)
    elif result.analyte is Analyte.MCV:
        marker = read_marker(result, limits.mcv_raised)
    else:
        low = is_low(result, None)
        return "" if low is None else "low" if low else "not low"
    return marker.value if marker is not None else ""


def _spans(decision: Decision, plan: Plan | None) -> Iterator[Span]:
    today = decision.evidence.today
    for exposure in decision.evidence.therapy.all:
        if exposure.course is Course.DRAFT or exposure.start is None or exposure.start > today:
            continue
        last = exposure.end or (exposure.start if exposure.course is Course.GIVEN else today)
        yield Span(_taken(exposure), exposure.start, max(exposure.start, min(last, today)))
    if plan is not None and plan.courses:
        yield Span("this plan, to its review", plan.start, plan.review, planned=True)


def _taken(exposure: Exposure) -> str:
    return f"{exposure.concept.title}, {exposure.form.value}"
