"""Which Observations become results or states: status, dates, components, codes."""

from datetime import date

import pytest

from service.domain.record import When
from service.domain.terms import Analyte, Role

from .kit import (
    B12,
    FILM,
    HAEMOGLOBIN,
    INR,
    LOINC,
    MMA,
    PREGNANT,
    SCT,
    coded,
    measured,
    nothing_read,
    observation,
    only_result,
    only_told,
    quantity,
    read,
)

PREGNANCY_STATUS = "82810-3"


def on(first: str, last: str | None = None) -> When:
    return When(date.fromisoformat(first), date.fromisoformat(last or first))


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_a_released_result_is_read(status):
    assert only_result(observation(status=status)).analyte is Analyte.B12


@pytest.mark.parametrize(
    "status", ["registered", "preliminary", "cancelled", "entered-in-error", "unknown", "Final", "done", ...]
)
def test_a_result_that_is_not_released_is_told_and_not_used(status):
    told = only_told(observation(status=status))

    assert told.withdrawn
    assert told.analyte is Analyte.B12
    assert "status" in told.why


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error", ...])
def test_a_result_that_does_not_matter_is_not_told(status):
    assert nothing_read(measured("2345-7", 5, "mmol/L", status=status))


@pytest.mark.parametrize(
    ("dated", "taken"),
    [
        ({"effectiveDateTime": "2026"}, on("2026-01-01", "2026-12-31")),
        ({"effectiveDateTime": "2026-02"}, on("2026-02-01", "2026-02-28")),
        ({"effectiveDateTime": "2026-02-03T23:59:59+01:00"}, on("2026-02-03")),
        ({"effectiveInstant": "2026-02-03T23:59:59.001Z"}, on("2026-02-03")),
        ({"effectivePeriod": {"start": "2026-02-03", "end": "2026-02-05"}}, on("2026-02-03", "2026-02-05")),
        ({"effectivePeriod": {"start": "2026-02-03"}}, on("2026-02-03")),
        ({"effectivePeriod": {"end": "2026-02-05"}}, on("2026-02-05")),
        ({"issued": "2026-02-03T10:00:00Z"}, on("2026-02-03")),
        ({"effectivePeriod": {}, "issued": "2026-02-03T10:00:00Z"}, on("2026-02-03")),
        ({"effectiveDateTime": "2026-02-01", "issued": "2026-02-03T10:00:00Z"}, on("2026-02-01")),
    ],
)
def test_a_result_is_dated_by_when_it_was_taken_and_else_by_when_it_was_issued(dated, taken):
    assert only_result(observation(**({"effectiveDateTime": ...} | dated))).taken == taken


@pytest.mark.parametrize(
    "dated",
    [
        {},
        {"effectiveDateTime": "last week"},
        {"effectiveDateTime": "last week", "issued": "2026-02-03T10:00:00Z"},
        {"effectivePeriod": {"start": "2026-02-03", "end": "2026-01-05"}},
        {"effectiveTiming": {"event": ["2026-02-03"]}},
    ],
)
def test_a_result_without_a_date_that_can_be_read_is_told(dated):
    assert "no date" in only_told(observation(**({"effectiveDateTime": ...} | dated))).why


def test_a_result_without_a_value_is_told():
    absent = {"dataAbsentReason": {"text": "haemolysed"}}

    assert "no value" in only_told(observation(valueQuantity=..., **absent)).why


def test_an_inr_that_cannot_be_read_is_a_hazard_of_its_day():
    told = only_told(measured(INR, 3, "pounds"))

    assert (told.hazard, told.analyte, told.when) == (True, Analyte.INR, on("2026-03-10"))
    assert not only_told(measured(B12, 150, "pounds")).hazard


def test_the_components_of_a_panel_are_results_of_their_own():
    panel = observation(
        "58410-2",
        valueQuantity=...,
        component=[
            {"code": coded((LOINC, HAEMOGLOBIN)), "valueQuantity": quantity(10, "g/dL")},
            {"code": coded((LOINC, "789-8")), "valueQuantity": quantity(3, "10*6/uL")},
            {"code": coded((LOINC, MMA)), "valueQuantity": quantity(5, "pounds")},
            {},
        ],
    )
    record = read(panel)

    assert [(r.analyte, r.resource, r.taken) for r in record.results] == [
        (Analyte.HAEMOGLOBIN, "Observation/o1", on("2026-03-10"))
    ]
    assert [u.analyte for u in record.unreadable] == [Analyte.MMA]


def test_a_code_is_found_among_others_and_only_under_its_own_system():
    others = [("http://lab.example", "B12"), (SCT, "14598005")]

    assert only_result(observation(code=coded(*others, (LOINC, B12)))).analyte is Analyte.B12
    assert nothing_read(observation(code=coded(("http://lab.example", B12), *others)))
    assert nothing_read(observation(code={"text": "Vitamin B12"}))
    assert nothing_read(observation(code={"coding": [{"code": B12}]}))
    assert nothing_read(observation(code=...))


def test_results_are_newest_first():
    days = ["2025-12-01", "2026-03-10", "2026-02-01", "2026"]
    record = read(*(observation(id=f"o{n}", effectiveDateTime=day) for n, day in enumerate(days)))

    assert [r.resource[-1] for r in record.of(Analyte.B12)] == ["3", "1", "2", "0"]


def test_a_film_is_read_as_seen_or_not():
    seen = observation(FILM, valueQuantity=..., valueCodeableConcept={"text": "Present"})

    assert only_result(seen).positive is True


def pregnancy_status(**value):
    return observation(PREGNANCY_STATUS, valueQuantity=..., **value)


def test_a_pregnancy_status_says_by_its_value_that_a_patient_is_pregnant():
    record = read(pregnancy_status(valueCodeableConcept=coded(PREGNANT)))

    (state,) = record.states
    assert Role.PREGNANCY in state.concept.roles
    assert (state.resource, state.when) == ("Observation/o1", on("2026-03-10"))
    assert record.unreadable == ()


@pytest.mark.parametrize(
    "value",
    [
        {"valueCodeableConcept": {"text": "Not pregnant"}},
        {"valueCodeableConcept": {"coding": [{"system": SCT, "code": "60001007", "display": "Not pregnant"}]}},
        {"valueString": "not pregnant"},
        {"valueString": "No"},
        {"valueString": "Negative"},
    ],
)
def test_a_pregnancy_status_says_by_its_value_that_she_is_not(value):
    record = read(pregnancy_status(**value))

    (state,) = record.states
    assert Role.PREGNANCY not in state.concept.roles
    assert record.unreadable == ()


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"valueString": "unknown"},
        {"valueString": "Normal"},
        {"valueCodeableConcept": coded((SCT, "1"))},
        {"dataAbsentReason": {"text": "asked but unknown"}},
    ],
)
def test_a_pregnancy_status_that_says_neither_is_told_and_ends_no_pregnancy(value):
    assert "no value" in only_told(pregnancy_status(**value)).why


def test_a_pregnancy_status_without_a_date_is_told():
    said = pregnancy_status(valueCodeableConcept=coded(PREGNANT), effectiveDateTime=...)

    assert "no date" in only_told(said).why


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error", ...])
def test_a_pregnancy_status_that_is_not_released_says_nothing(status):
    assert nothing_read(pregnancy_status(valueCodeableConcept=coded(PREGNANT), status=status))
