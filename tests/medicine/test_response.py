"""Whether treatment works, to the day and to the unit: the blood count, reticulocytes, symptoms since it began."""

from __future__ import annotations

from typing import Any

import pytest

from service.domain.response import Verdict, beginning, judge
from service.domain.terms import Notice

from .treated import CYANO, HYDROXO, PERNICIOUS, TABLETS, decided, lab, on

POOR, EXPECTED, EARLY, UNKNOWN = Verdict.POOR, Verdict.EXPECTED, Verdict.TOO_EARLY, Verdict.UNKNOWN


def verdict(days: int, *labs: Any, protocol: str = "uk-ng239", product: str = HYDROXO, **facts: Any) -> Verdict | None:
    on_b12 = on(product, days, (2, "mo") if days > 60 else (2, "d"))
    told = {"conditions": PERNICIOUS, "on_b12": on_b12, "labs": list(labs)} | facts
    found = decided(protocol, **told).response
    return found.verdict if found else None


def hb(value: float, days_ago: int, **more: Any) -> dict[str, Any]:
    return lab("hb", value, "g/L", days_ago, **more)


def test_without_treatment_there_is_no_response_to_judge() -> None:
    assert decided("uk-ng239", labs=[hb(60, 5)]).response is None


@pytest.mark.parametrize(
    ("days", "labs", "expected"),
    [
        (56, [hb(109, 0)], POOR),
        (56, [hb(110, 0)], EXPECTED),
        (55, [hb(109, 0)], EXPECTED),
        (90, [hb(109, 35)], EXPECTED),
        (90, [hb(109, 34)], POOR),
        (90, [hb(120, 2, flag="L")], POOR),
        (90, [hb(120, 2, range_low=130)], POOR),
        (90, [hb(105, 2, range_low=100)], EXPECTED),
        (90, [hb(135, 2), lab("mcv", 101, "fL", 2)], POOR),
        (90, [hb(135, 2), lab("mcv", 100, "fL", 2)], EXPECTED),
        (90, [hb(135, 2), lab("mcv", 101, "fL", 60)], EXPECTED),
        (900, [hb(85, 100)], EXPECTED),
    ],
)
def test_the_blood_count_is_normal_by_eight_weeks(days: int, labs: list[Any], expected: Verdict) -> None:
    assert verdict(days, *labs) is expected


@pytest.mark.parametrize(
    ("days", "before", "now", "taken", "expected"),
    [
        (14, 92, 92, 4, POOR),
        (14, 92, 91, 4, POOR),
        (14, 92, 93, 4, EXPECTED),
        (14, 92, 92, 5, EXPECTED),
        (14, 110, 100, 4, EXPECTED),
    ],
)
def test_a_low_haemoglobin_has_begun_to_rise_by_day_ten(
    days: int, before: int, now: int, taken: int, expected: Verdict
) -> None:
    assert verdict(days, hb(before, days + 3), hb(now, taken)) is expected


def test_a_count_from_long_before_treatment_is_no_measure_of_its_rise() -> None:
    assert verdict(14, hb(92, 14 + 95), hb(92, 2)) is EXPECTED
    assert verdict(14, hb(92, 14 + 85), hb(92, 2)) is POOR


@pytest.mark.parametrize(
    ("protocol", "haematocrit", "count", "days", "expected"),
    [
        ("us-label", 34.9, 3.9, 5, POOR),
        ("us-label", 34.9, 4.0, 5, EARLY),
        ("us-label", 35, 3.9, 5, EARLY),
        ("us-label", 34.9, 3.9, 4, EARLY),
        ("us-aafp", 24, 3.9, 5, EARLY),
        ("uk-ng239", 24, 3.9, 5, EARLY),
    ],
)
def test_under_the_label_reticulocytes_double_while_the_haematocrit_is_low(
    protocol: str, haematocrit: float, count: float, days: int, expected: Verdict
) -> None:
    labs = [lab("hct", haematocrit, "%", 0), lab("retic", count, "%", 0, range_low=0.5, range_high=2.0)]

    assert verdict(days, *labs, protocol=protocol, product=CYANO) is expected


@pytest.mark.parametrize(("flag", "expected"), [("N", POOR), ("L", POOR), ("H", EARLY), (None, EARLY)])
def test_without_a_range_the_laboratorys_flag_can_only_say_that_they_are_not_raised(
    flag: str | None, expected: Verdict
) -> None:
    labs = [lab("hct", 24, "%", 0), lab("retic", 1.5, "%", 0, flag=flag)]

    assert verdict(6, *labs, protocol="us-label", product=CYANO) is expected


@pytest.mark.parametrize(("days", "flag", "expected"), [(7, "L", POOR), (6, "L", EARLY), (7, "N", EARLY)])
def test_under_any_protocol_low_reticulocytes_after_a_week_are_no_answer(
    days: int, flag: str, expected: Verdict
) -> None:
    assert verdict(days, hb(80, 0), lab("retic", 0.3, "%", 0, flag=flag)) is expected


def test_low_reticulocytes_in_a_patient_who_is_not_anaemic_say_nothing() -> None:
    assert verdict(12, hb(135, 0), lab("retic", 0.3, "%", 0, flag="L")) is EXPECTED


def test_no_count_since_the_start_is_unknown_once_one_was_due_and_is_asked_for() -> None:
    assert verdict(9) is EARLY
    assert verdict(10) is UNKNOWN
    assert verdict(900) is UNKNOWN
    known = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 30, (2, "d")))
    counted = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 30, (2, "d")), labs=[hb(135, 3)])

    assert Notice.WORKUP_FBC in known.notices
    assert [test.id for test in known.investigations] == ["haemoglobin"]
    assert Notice.WORKUP_FBC not in counted.notices


def test_b12_itself_is_not_a_response_on_injections() -> None:
    assert verdict(120, hb(135, 3), lab("b12", 90, "ng/L", 3)) is EXPECTED


def test_symptoms_are_given_eight_weeks_and_a_nerve_that_fails_later_is_not() -> None:
    assert verdict(55, hb(135, 3), symptoms=["fatigue"]) is EXPECTED
    assert verdict(56, hb(135, 0), symptoms=["fatigue"]) is POOR
    for begun, expected in ((15, EXPECTED), (13, POOR)):
        numb = [*PERNICIOUS, {"name": "paraesthesia", "days_ago": begun}]

        assert verdict(14, hb(135, 3), conditions=numb) is expected


def test_response_in_doubt_calls_for_the_blood_and_mma_never_for_serum_b12() -> None:
    for product in (HYDROXO, TABLETS):
        found = decided("uk-ng239", symptoms=["fatigue"], conditions=PERNICIOUS, on_b12=on(product, 100, (1, "d")))

        assert {test.id for test in found.investigations} == {
            "mma",
            "folate",
            "haemoglobin",
            "reticulocytes",
            "ferritin",
        }


@pytest.mark.parametrize(("days", "watched"), [(0, False), (1, True), (7, True), (8, False)])
def test_potassium_is_watched_from_the_day_after_the_first_dose_to_the_seventh(days: int, watched: bool) -> None:
    found = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, days, (2, "d")), labs=[hb(58, days)])

    assert (beginning(found.evidence) is not None) is watched
    assert (Notice.SAFETY_K in found.notices) is watched
    assert (Notice.URGENT_ANAEMIA in found.notices) is watched


def test_a_potassium_from_before_the_first_dose_does_not_answer_for_the_days_after_it() -> None:
    def asked(days_ago: int) -> set[str]:
        labs = [hb(58, 4), lab("k", 4.2, "mmol/L", days_ago)]
        found = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 3, (2, "d")), labs=labs)
        return {test.id for test in found.investigations}

    assert "potassium" in asked(4)
    assert "potassium" in asked(3)
    assert "potassium" not in asked(2)


def test_judging_needs_no_more_than_the_evidence() -> None:
    found = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 90, (2, "mo")), labs=[hb(85, 2)])

    assert judge(found.evidence) == found.response
