"""Where two findings meet: which one is believed, to the day and to the order in which they stand in the record."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.domain.assess import Assessment, assess
from service.domain.evidence import Evidence, gather
from service.domain.record import (
    Concept,
    Course,
    Exposure,
    Finding,
    Flag,
    Form,
    Measure,
    Problem,
    Result,
    When,
    record_of,
)
from service.domain.results import Marker, window
from service.domain.terms import Analyte, Role
from service.knowledge.load import load

KNOWN = load()
BOOK, UK = KNOWN.book, KNOWN.book.protocols["uk-ng239"]
TODAY = date(2026, 3, 31)
B12, MMA, HCY = Analyte.B12, Analyte.MMA, Analyte.HOMOCYSTEINE
ADULT = When(date(1970, 5, 1), date(1970, 5, 1))
COBALAMIN = Concept("cyanocobalamin", "cyanocobalamin", frozenset({Role.COBALAMIN}))
PREGNANT = Concept("pregnancy", "pregnancy", frozenset({Role.PREGNANCY}))
NOT_PREGNANT = Concept("not-pregnant", "not pregnant")
GAS = Concept("gas", "nitrous oxide", frozenset({Role.NITROUS_OXIDE_MEDICINE}))
NERVES = Concept("myelopathy", "myelopathy", frozenset({Role.NEUROLOGY, Role.SYMPTOM}))
MISUSE = Concept("misuse", "misuse", frozenset({Role.NITROUS_OXIDE_MISUSE}))
KIDNEYS = Concept("kidneys", "chronic kidney disease", frozenset({Role.KIDNEY_DISEASE}))
PERNICIOUS = Concept("pa", "pernicious anaemia", cause="pernicious-anaemia")


def ago(days: int) -> When:
    day = TODAY - timedelta(days=days)
    return When(day, day)


def result(
    analyte: Analyte, value: str | None, unit: str = "umol/L", days: int = 5, name: str = "a", **more: Any
) -> Result:
    measure = Measure(Decimal(value), unit, more.pop("comparator", "")) if value is not None else None
    return Result(analyte, f"Observation/{analyte.value}-{name}", ago(days), "", measure, **more)


def b12(value: str, days: int = 5) -> Result:
    return result(B12, value, "ng/L", days)


def problem(concept: Concept, onset: When | None = None, *, active: bool = True, **more: Any) -> Problem:
    return Problem(concept, f"Condition/{concept.id}", onset, None, active, certain=True, **more)


def seen(*results: Result, **rest: Any) -> Evidence:
    return gather(record_of(results, **({"birth": ADULT} | rest)), UK, TODAY)


def judged(*results: Result, **rest: Any) -> Assessment:
    return assess(seen(*results, **rest), BOOK.causes)


def since(days: int, form: Form) -> Exposure:
    day = TODAY - timedelta(days=days)
    return Exposure(COBALAMIN, "MedicationRequest/m", Course.ACTIVE, form, day, None)


def test_a_marker_from_before_tablets_counts_for_a_failing_nerve_and_for_nobody_else() -> None:
    before = result(MMA, "0.6", days=40)
    tablets = since(20, Form.ORAL)

    assert seen(before, exposures=(tablets,), problems=(problem(NERVES),)).mma_alone is not None
    assert seen(before, exposures=(tablets,)).mma_alone is None


def test_homocysteine_far_from_the_deciding_b12_does_not_confirm_it() -> None:
    found = seen(b12("200"), result(HCY, "30", days=300))

    assert found.homocysteine is None
    assert found.homocysteine_alone is not None


@pytest.mark.parametrize(
    "passed_over",
    [
        result(MMA, "0.2", days=-3, name="future"),
        result(MMA, "0.2", days=1, name="undecidable", comparator=">"),
        result(MMA, None, days=1, name="empty"),
    ],
)
def test_a_marker_that_says_nothing_does_not_hide_the_one_before(passed_over: Result) -> None:
    found = seen(passed_over, result(MMA, "0.6", days=10))

    assert found.mma_alone is not None
    assert found.mma_alone.marker is Marker.RAISED


def test_a_marker_far_from_the_b12_does_not_hide_a_nearer_one() -> None:
    found = seen(
        b12("260", days=320), result(MMA, "0.6", days=2, name="far"), result(MMA, "0.6", days=315, name="near")
    )

    assert found.mma is not None
    assert found.mma.result.resource.endswith("near")


def test_a_marker_that_says_nothing_is_no_marker() -> None:
    assert seen(result(MMA, None)).mma_alone is None


@pytest.mark.parametrize(
    ("one", "other", "worse"),
    [
        (result(MMA, "0.5", name="a"), result(MMA, "0.5", name="b"), "a"),
        (result(MMA, "0.39", name="a", flag=Flag.NORMAL), result(MMA, "0.3", name="b"), "b"),
        (result(MMA, "0.35", name="a"), result(MMA, "0.2", name="b", flag=Flag.HIGH), "b"),
        (result(MMA, None, name="a", flag=Flag.HIGH), result(MMA, "0.5", name="b"), "b"),
        (result(MMA, None, name="a", flag=Flag.HIGH), result(MMA, None, name="b", flag=Flag.HIGH), "a"),
    ],
)
def test_of_two_markers_of_one_day_the_worse_is_believed(one: Result, other: Result, worse: str) -> None:
    found = seen(one, other).mma_alone

    assert found is not None
    assert found.result.resource.endswith(f"-{worse}")


def test_who_was_born_today_has_an_age_and_who_may_be_fifteen_or_sixteen_has_not() -> None:
    around = When(date(2010, 1, 1), date(2010, 12, 31))

    assert seen(birth=When(TODAY, TODAY)).age == (0, 0)
    assert judged(b12("120"), birth=around).rule.says == "age not known"


def test_an_egfr_without_a_value_leaves_coded_kidney_disease_to_speak() -> None:
    found = seen(result(Analyte.EGFR, None, flag=Flag.NORMAL), problems=(problem(KIDNEYS),))

    assert (found.renal, found.kidney) == (True, ("Condition/kidneys",))


SERUM, CELLS = Analyte.FOLATE, Analyte.RED_CELL_FOLATE


@pytest.mark.parametrize(
    ("serum", "cells", "believed", "low"),
    [
        (result(SERUM, "8", "ug/L"), result(CELLS, "300", "ug/L", flag=Flag.LOW), CELLS, True),
        (result(SERUM, "2", "ug/L"), result(CELLS, "300", "ug/L", flag=Flag.NORMAL), SERUM, True),
        (result(SERUM, "8", "ug/L"), result(CELLS, "300", "ug/L", flag=Flag.NORMAL), SERUM, False),
        (result(SERUM, "2", "ug/L", comparator=">"), result(CELLS, "300", "ug/L", flag=Flag.NORMAL), CELLS, False),
        (result(SERUM, "2", "ug/L", comparator=">"), result(CELLS, "300", "ug/L"), SERUM, None),
    ],
)
def test_folate_is_low_where_either_test_says_so(
    serum: Result, cells: Result, believed: Analyte, low: bool | None
) -> None:
    found = seen(serum, cells)

    assert found.folate is not None
    assert (found.folate.analyte, found.folate_low) == (believed, low)


def state(concept: Concept, days: int, name: str) -> Finding:
    return Finding(concept, f"Observation/{name}", ago(days))


@pytest.mark.parametrize(
    ("states", "problems", "shown_by"),
    [
        ((state(PREGNANT, 0, "s"),), (), ("Observation/s",)),
        ((state(PREGNANT, 9, "z"), state(NOT_PREGNANT, 2, "a")), (), ()),
        ((state(NOT_PREGNANT, 9, "z"), state(PREGNANT, 2, "a")), (), ("Observation/a",)),
        ((state(NOT_PREGNANT, 9, "s"),), (problem(PREGNANT),), ("Condition/pregnancy",)),
        ((state(NOT_PREGNANT, 9, "s"),), (problem(PREGNANT, ago(9)),), ("Condition/pregnancy",)),
        ((state(NOT_PREGNANT, 9, "s"),), (problem(PREGNANT, ago(10)),), ()),
    ],
)
def test_the_newest_word_on_pregnancy_is_believed(states: Any, problems: Any, shown_by: tuple[str, ...]) -> None:
    assert seen(states=states, problems=problems).pregnant == shown_by


def test_an_older_film_is_not_asked_once_a_newer_one_was_read() -> None:
    older, newer = (
        result(Analyte.FILM, None, days=d, name=n, positive=p) for d, n, p in ((9, "b", True), (2, "a", False))
    )

    assert seen(older, newer).film == ()


@pytest.mark.parametrize(
    ("onset", "given", "blamed"),
    [
        (ago(10), 10, True),
        (ago(10), 9, False),
        (ago(10), 38, True),
        (ago(10), 39, False),
        (None, 28, True),
        (None, 29, False),
    ],
)
def test_gas_at_an_operation_is_blamed_for_nerves_that_failed_that_day_or_within_four_weeks(
    onset: When | None, given: int, blamed: bool
) -> None:
    operation = Finding(GAS, "Procedure/p", ago(given))
    undated = Finding(GAS, "Procedure/q", None)
    other = Finding(Concept("other", "another operation"), "Procedure/r", ago(given))
    found = seen(problems=(problem(NERVES, onset),), procedures=(operation, undated, other))

    assert found.medical_gas == (("Procedure/p",) if blamed else ())


def test_pernicious_anaemia_in_remission_is_no_reason_to_doubt_a_normal_b12() -> None:
    remission = problem(PERNICIOUS, active=False, remission=True)

    assert judged(b12("500"), problems=(remission, problem(KIDNEYS))).rule.id == "K9"
    assert judged(b12("500"), problems=(problem(PERNICIOUS),)).rule.id == "K8p"


@pytest.mark.parametrize(("value", "rule"), [("0.6", "K4"), ("0.2", "K4n")])
def test_after_nitrous_oxide_the_verdict_rests_on_a_marker_however_far_from_the_b12(value: str, rule: str) -> None:
    marker = result(MMA, value, days=3)
    found = judged(b12("260", days=320), marker, problems=(problem(MISUSE), problem(NERVES)))

    assert found.rule.id == rule
    assert marker in found.basis


def test_the_verdict_names_one_antibody() -> None:
    antibodies = [result(Analyte.INTRINSIC_FACTOR_ANTIBODY, None, name=n, positive=True) for n in ("a", "b")]

    assert [r.analyte for r in judged(b12("120"), *antibodies).basis].count(Analyte.INTRINSIC_FACTOR_ANTIBODY) == 1


@pytest.mark.parametrize("analyte", [Analyte.TSH, Analyte.TOTAL_IGA, Analyte.COELIAC_SEROLOGY, Analyte.GASTRIN])
def test_tests_for_a_cause_count_as_long_as_their_limit_says(analyte: Analyte) -> None:
    months = UK.limits.cause_months
    last = TODAY.replace(year=TODAY.year - months // 12, day=1)

    assert months % 12 == 0
    assert window(UK.limits, analyte, TODAY.replace(day=1)).oldest == last
