"""The timelines: each test against the protocol's own lines, with treatment marked where it was."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache

import pytest

from service.domain.decision import Decision
from service.domain.terms import Analyte
from service.fhir.pages import sheet
from service.pages.charts import svg
from service.smart.calendar import plan
from service.smart.charts import Timeline, drawn, timelines
from service.smart.choice import bases
from service.smart.room import choice_of
from tests.smart.charted import PATIENT, TODAY, chart
from tests.smart.patients import all_decided, book, using


@cache
def decision(protocol: str) -> Decision:
    entries = [{"resource": resource} for resource in chart()]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    items = sheet(json.dumps(bundle).encode()).items
    return using().consult(items, using().protocol(protocol), TODAY, PATIENT)


def of(protocol: str, analyte: Analyte) -> Timeline:
    found = decision(protocol)
    made = plan(bases(found)[0].dated, found, book())
    return next(t for t in timelines(found, made) if t.analyte is analyte)


@pytest.mark.parametrize(
    ("protocol", "analyte", "lines"),
    [
        ("uk-ng239", Analyte.B12, {"low below": "180", "not low above": "350"}),
        ("us-aafp", Analyte.B12, {"low below": "150", "not low from": "400"}),
        ("us-label", Analyte.B12, {}),
        ("uk-ng239", Analyte.MMA, {"raised above": "0.40", "borderline above": "0.28"}),
        ("uk-ng239", Analyte.HAEMOGLOBIN, {"anaemia below": "110", "severe below": "80"}),
        ("uk-ng239", Analyte.MCV, {"raised above": "100"}),
        ("uk-ng239", Analyte.RETICULOCYTES, {"laboratory's range from": "0.5", "laboratory's range to": "2.5"}),
    ],
)
def test_each_test_stands_against_the_lines_it_is_read_by(
    protocol: str, analyte: Analyte, lines: dict[str, str]
) -> None:
    assert {line.label: f"{line.value:f}" for line in of(protocol, analyte).lines} == lines


def test_each_result_says_what_the_protocol_reads() -> None:
    readings = [point.reading for point in of("uk-ng239", Analyte.B12).points]

    assert readings == ["between the lines", "between the lines", "between the lines", "low", "low"]
    assert [p.reading for p in of("us-aafp", Analyte.B12).points][-2:] == ["low", "low"]
    assert [p.reading for p in of("uk-ng239", Analyte.MMA).points] == ["borderline", "raised"]
    assert [p.reading for p in of("uk-ng239", Analyte.HAEMOGLOBIN).points][-1] == "low"
    assert [p.reading for p in of("uk-ng239", Analyte.MCV).points] == ["normal", "normal", "raised", "raised"]


def test_treatment_before_and_the_plan_are_marked_and_never_taken_for_each_other() -> None:
    spans = of("uk-ng239", Analyte.B12).spans

    assert [(s.first, s.last, s.planned) for s in spans] == [
        (TODAY - timedelta(days=700), TODAY - timedelta(days=520), False),
        (TODAY, bases(decision("uk-ng239"))[0].dated.review, True),
    ]


def test_the_picture_in_words_holds_every_result_and_every_line() -> None:
    told = of("uk-ng239", Analyte.HAEMOGLOBIN).told

    assert all(value in told for value in ("131 g/L", "133 g/L", "126 g/L", "112 g/L", "94 g/L", "110", "80"))


def test_every_worked_patient_can_be_drawn_without_a_script() -> None:
    drawings = 0
    for found in all_decided()[::7]:
        base = next(iter(bases(found)), None)
        made = plan(base.dated, found, book()) if base is not None else None
        for timeline in timelines(found, made):
            picture = svg(drawn(timeline))
            assert picture.startswith(b"<svg")
            assert b"<script" not in picture
            drawings += 1
    assert drawings > 50


@pytest.mark.parametrize(
    "wished",
    [
        {"start": "soon"},
        {"start": "2026-02-30"},
        {"interval": "two"},
        {"interval": "-2"},
        {"interval": "9999"},
        {"route": "rectal"},
    ],
)
def test_a_wish_that_is_no_wish_is_left_out(wished: dict[str, str]) -> None:
    assert choice_of(wished) == choice_of({})


def test_a_wish_is_read_as_it_was_made() -> None:
    read = choice_of({"plan": "X", "route": "subcutaneous", "product": "p", "start": "2026-03-05", "interval": "3"})

    assert (read.regimen, read.route, read.product, str(read.start), read.months) == (
        "X",
        "subcutaneous",
        "p",
        "2026-03-05",
        3,
    )
