"""The two sides of every line: a chart on which the answer shows it, and its neighbour, one step away, on which not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from service.consult import Consultant
from service.evaluate import evaluate_document
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.problems import RECENT
from tests.chart.render import bundle
from tests.vignettes import TODAY

Said = dict[str, Any]
Sides = tuple[float, float]


class Edge(NamedTuple):
    """What shows on this side of a line and not on the other; `shows` is a kind and a word of the answer."""

    line: str
    shows: str
    here: Said
    there: Said
    protocol: str = "uk-ng239"


def _lab(analyte: str, value: float, unit: str, *others: Said, **more: Any) -> Said:
    return {"labs": [{"analyte": analyte, "value": value, "unit": unit, **more}, *others]}


def _and(analyte: str, value: float, unit: str) -> Said:
    return {"analyte": analyte, "value": value, "unit": unit}


LOW, MIDDLE, NORMAL = _and("b12", 120, "ng/L"), _and("b12", 260, "ng/L"), _and("b12", 500, "ng/L")
RAISED = _and("hcy", 24, "umol/L")
EGFR, PLATELETS = "mL/min/1.73m2", "10*9/L"


def _dated(line: str, shows: str, lab: tuple[str, float, str], last: str, too_old: str, *others: Said) -> Edge:
    return Edge(line, shows, _lab(*lab, *others, dated=last), _lab(*lab, *others, dated=too_old))


def _days(line: str, shows: str, lab: tuple[str, float, str], days: int) -> Edge:
    return Edge(line, shows, _lab(*lab, LOW, days_ago=days), _lab(*lab, LOW, days_ago=days + 1))


def _value(
    line: str, shows: str, analyte: str, unit: str, here: float, there: float, *others: Said, **more: Any
) -> Edge:
    return Edge(line, shows, _lab(analyte, here, unit, *others) | more, _lab(analyte, there, unit, *others) | more)


def _band(
    protocol: str, analyte: str, unit: str, low: tuple[float, float], high: tuple[float, float]
) -> Iterator[Edge]:
    yield _value("low", "rule K3", analyte, unit, *low)._replace(protocol=protocol)
    yield _value("unlikely", "rule K9", analyte, unit, *high)._replace(protocol=protocol)


def _taken(line: str, name: str, here: str, there: str) -> Edge:
    low = {"labs": [LOW]}
    return Edge(
        line,
        "mechanism medicine-induced",
        {"medicines": [{"name": name, "start": here}]} | low,
        {"medicines": [{"name": name, "start": there}]} | low,
    )


def _metformin(*courses: tuple[str, str | None]) -> Said:
    dated = [{"name": "metformin", "start": start} | ({"end": end} if end else {}) for start, end in courses]
    return {"medicines": dated, "labs": [LOW]}


def _misused(ended_days_ago: int) -> Said:
    ended = {"clinical": "resolved", "ended_days_ago": ended_days_ago}
    return {"conditions": [{"name": name} | ended for name in ("inhalant_abuse", "n2o_adverse")], "labs": [MIDDLE]}


def _gassed(days_before: int) -> Said:
    given = {"name": "nitrous_oxide", "days_ago": RECENT + days_before}
    return {"neuro": True, "given": [given], "labs": [MIDDLE, _and("hcy", 40, "umol/L")]}


def _injected(days_after: int) -> Said:
    given = {"name": "hydroxocobalamin_injection", "days_ago": 40}
    return {"given": [given], "labs": [LOW | {"days_ago": 40 - days_after}]}


def _tablets(since: str) -> Said:
    return {"medicines": [{"name": "cyanocobalamin_oral_1mg", "start": since}], "labs": [LOW | {"days_ago": 0}]}


#: Today is 22 November 2026. Each line of decisions, sections 2 to 4, once.
EDGES: tuple[Edge, ...] = (
    *_band("uk-ng239", "b12", "ng/L", (179, 180), (351, 350)),
    *_band("uk-ng239", "b12", "pmol/L", (132, 133), (259, 258)),
    *_band("uk-ng239", "active_b12", "pmol/L", (24, 25), (71, 70)),
    *_band("us-aafp", "b12", "pg/mL", (149, 150), (400, 399)),
    *_band("us-aafp", "b12", "pmol/L", (110, 111), (295, 294)),
    _value("high B12", "notice high-b12", "b12", "ng/L", 915, 914),
    _value("high B12", "notice high-b12", "b12", "pmol/L", 675, 674),
    _dated("B12 12 months", "rule K3", ("b12", 120, "ng/L"), "2025-11-22", "2025-11-21"),
    _dated("MMA 12 months", "rule K14", ("mma", 0.5, "umol/L"), "2025-11-22", "2025-11-21"),
    _dated("homocysteine 12 months", "rule K14", ("hcy", 24, "umol/L"), "2025-11-22", "2025-11-21"),
    _dated("folate 12 months", "rule K10f", ("folate", 1.9, "ug/L"), "2025-11-22", "2025-11-21", NORMAL, RAISED),
    _dated("eGFR 12 months", "modifier renal-impairment", ("egfr", 40, EGFR), "2025-11-22", "2025-11-21", LOW),
    _dated("blood count 3 months", "modifier severe-anaemia", ("hb", 60, "g/L"), "2026-08-22", "2026-08-21", LOW),
    _days("INR 30 days", "modifier bleeding-risk", ("inr", 6, "1"), 30),
    _days("platelets 30 days", "modifier bleeding-risk", ("plt", 20, PLATELETS), 30),
    _days("potassium 7 days", "modifier hypokalaemia", ("k", 3.0, "mmol/L"), 7),
    Edge("14 days after an injection", "rule K3", _injected(15), _injected(14)),
    _value("MMA raised", "rule K5", "mma", "umol/L", 0.41, 0.40, MIDDLE),
    _value("MMA borderline", "rule K6", "mma", "umol/L", 0.28, 0.29, MIDDLE),
    _value("MMA high", "rule K8b", "mma", "umol/L", 0.76, 0.75, NORMAL),
    _value("homocysteine raised", "rule K10", "hcy", "umol/L", 16, 15, NORMAL),
    _value("folate low", "modifier low-folate", "folate", "ug/L", 2.9, 3, LOW),
    _value("eGFR impaired", "modifier renal-impairment", "egfr", EGFR, 59, 60, LOW),
    _value("severe anaemia", "modifier severe-anaemia", "hb", "g/L", 79, 80, LOW),
    _value("severe anaemia in pregnancy", "modifier severe-anaemia", "hb", "g/L", 69, 70, LOW, age=30, pregnant=True),
    _value("anaemia in K11", "rule K3", "hb", "g/L", 109, 110, LOW, age=30, pregnant=True),
    _value("potassium low", "modifier hypokalaemia", "k", "mmol/L", 3.4, 3.5, LOW),
    _value("INR", "modifier bleeding-risk", "inr", "1", 3.1, 3.0, LOW),
    _value("platelets", "modifier bleeding-risk", "plt", PLATELETS, 49, 50, LOW),
    _value("transport MMA", "mechanism transport-metabolic", "mma", "umol/L", 10.1, 10, NORMAL),
    _value(
        "transport homocysteine",
        "mechanism transport-metabolic",
        "hcy",
        "umol/L",
        101,
        100,
        NORMAL,
        _and("mma", 0.9, "umol/L"),
    ),
    Edge("misuse 12 months", "notice stop-n2o", _misused(365), _misused(366)),
    Edge("medical gas 4 weeks", "rule K4", _gassed(28), _gassed(29)),
    Edge("treated 8 weeks", "rule K5t", _tablets("2026-09-27"), _tablets("2026-09-28")),
    _taken("metformin over 4 months", "metformin", "2026-07-21", "2026-07-22"),
    _taken("PPI over 12 months", "omeprazole", "2025-11-21", "2025-11-22"),
    _taken("H2 antagonist over 12 months", "famotidine", "2025-11-21", "2025-11-22"),
    Edge(
        "no gap over 6 months",
        "mechanism medicine-induced",
        _metformin(("2024-01-01", "2026-02-22"), ("2026-08-22", None)),
        _metformin(("2024-01-01", "2026-02-22"), ("2026-08-23", None)),
    ),
    Edge(
        "ended less than 12 months ago",
        "mechanism medicine-induced",
        _metformin(("2024-01-01", "2025-11-23")),
        _metformin(("2024-01-01", "2025-11-22")),
    ),
)


@cache
def documents() -> tuple[tuple[Edge, bytes, bytes], ...]:
    """Each edge with its two charts written out."""
    return tuple((edge, _written(edge.here), _written(edge.there)) for edge in EDGES)


def _written(said: Said) -> bytes:
    facts = msgspec.convert({"age": 50} | said, Facts)
    return json.dumps(bundle(facts, TODAY, Choice.nth(0))).encode()


def crossed(edge: Edge, here: bytes, there: bytes, using: Consultant) -> list[str]:
    """What is wrong with an edge, each a sentence; none is right."""
    wrong = []
    for side, document, expected in (("here", here, True), ("there", there, False)):
        given = evaluate_document(document, protocol=edge.protocol, today=TODAY, using=using)
        if _shows(edge.shows, given) is not expected:
            wrong.append(f"{edge.line}, {side}: {edge.shows} is {not expected}; rule {given['rule']}")
    return wrong


def _shows(shows: str, given: dict[str, Any]) -> bool:
    kind, _, word = shows.partition(" ")
    seen = {
        "rule": [given["rule"]],
        "modifier": given["modifiers"],
        "notice": given["notices"],
        "mechanism": [cause["mechanism"] for cause in given["causes"][:1]],
    }
    return word in seen[kind]
