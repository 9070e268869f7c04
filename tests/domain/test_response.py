"""How well a therapy works whose beginning is not on record, or of which only the beginning counts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from service.domain.evidence import gather
from service.domain.record import Course, Exposure, Flag, Form, months_before, record_of
from service.domain.response import Response, Verdict, judge
from service.domain.terms import Analyte
from tests.medicine.test_sharp import ADULT, BOOK, COBALAMIN, NERVES, TODAY, ago, problem, result, seen, since

UNDATED = Exposure(COBALAMIN, "MedicationRequest/m", Course.ACTIVE, Form.INJECTION, None, None)


def haemoglobin(value: str):
    return result(Analyte.HAEMOGLOBIN, value, "g/L")


def test_severe_anaemia_on_a_treatment_of_no_known_beginning_is_a_poor_response() -> None:
    severe = haemoglobin("60")

    assert judge(seen(severe, exposures=(UNDATED,))) == Response(
        Verdict.POOR, "severe anaemia on treatment", (severe,), None
    )


@pytest.mark.parametrize("labs", [(), (haemoglobin("100"),), (haemoglobin("140"),)])
def test_without_its_beginning_a_treatment_cannot_be_judged(labs) -> None:
    unknown = Response(Verdict.UNKNOWN, "since when it is taken is not on record", (), None)

    assert judge(seen(*labs, exposures=(UNDATED,))) == unknown


def test_a_treatment_that_begins_tomorrow_has_no_beginning_yet() -> None:
    tomorrow = UNDATED._replace(start=TODAY + timedelta(days=1))

    found = judge(seen(exposures=(tomorrow,)))

    assert found is not None
    assert (found.verdict, found.since) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize(
    ("onset", "why"),
    [
        (50, "neurology that began on treatment"),
        (300, "symptoms are on record on established treatment"),
        (None, "symptoms are on record on established treatment"),
    ],
)
def test_a_sign_on_established_treatment_is_a_poor_response_since_its_beginning(onset: int | None, why: str) -> None:
    injections = since(200, Form.INJECTION)
    sign = problem(NERVES, ago(onset) if onset is not None else None)

    assert judge(seen(problems=(sign,), exposures=(injections,))) == Response(Verdict.POOR, why, (), injections.start)


BEGAN = since(90, Form.INJECTION)
RETICULOCYTES = Analyte.RETICULOCYTES


def blood(analyte: Analyte, value: str, days: int, name: str = "a", **more):
    return result(analyte, value, "", days, name, **more)


def whole(*labs, began: Exposure = BEGAN):
    return judge(seen(*labs, exposures=(began,)))


def test_a_count_that_is_not_normal_in_time_is_named_with_its_weeks() -> None:
    low = blood(Analyte.HAEMOGLOBIN, "100", 5)

    assert whole(low) == Response(Verdict.POOR, "not normal after 12 weeks of treatment", (low,), BEGAN.start)


def test_of_two_cell_volumes_of_a_day_the_larger_counts() -> None:
    small, large = blood(Analyte.MCV, "90", 5, "a"), blood(Analyte.MCV, "105", 5, "b")

    found = whole(small, large)

    assert found is not None
    assert (found.verdict, found.results) == (Verdict.POOR, (large,))


def test_in_the_first_days_nothing_is_asked_of_the_count() -> None:
    early = since(3, Form.INJECTION)

    assert whole(began=early) == Response(Verdict.TOO_EARLY, "the blood count has had no time to rise", (), early.start)


def test_a_count_of_the_first_day_says_nothing_of_the_treatment() -> None:
    first = blood(Analyte.HAEMOGLOBIN, "140", 90)

    assert whole(first) == Response(Verdict.UNKNOWN, "no blood count since treatment began", (), BEGAN.start)


@pytest.mark.parametrize("before_days", [20, 25])
def test_a_count_that_has_not_risen_is_shown_with_the_one_before(before_days: int) -> None:
    began = since(20, Form.INJECTION)
    now, before = blood(Analyte.HAEMOGLOBIN, "90", 5, "now"), blood(Analyte.HAEMOGLOBIN, "90", before_days, "before")

    assert whole(now, before, began=began) == Response(
        Verdict.POOR, "no higher than before treatment", (now, before), began.start
    )


@pytest.mark.parametrize(
    ("said", "poor"),
    [
        ({"flag": Flag.LOW}, True),
        ({"flag": Flag.NORMAL}, False),
        ({"range_low": Decimal(30)}, True),
        ({"range_low": Decimal(10)}, False),
        ({}, False),
    ],
)
def test_reticulocytes_that_do_not_answer_are_low_by_the_laboratory(said: dict, poor: bool) -> None:
    began = since(20, Form.INJECTION)
    count, cells = blood(RETICULOCYTES, "20", 5, **said), blood(Analyte.HAEMOGLOBIN, "100", 5)
    lazy = Response(Verdict.POOR, "the marrow does not answer", (count, cells), began.start)

    assert (whole(count, cells, began=began) == lazy) is poor


def test_reticulocytes_without_a_number_or_an_anaemia_after_the_beginning_say_nothing() -> None:
    began = since(20, Form.INJECTION)
    empty = result(RETICULOCYTES, None, range_low=Decimal(30))
    first_day = blood(Analyte.HAEMOGLOBIN, "100", 20)

    low = blood(RETICULOCYTES, "20", 5, flag=Flag.LOW)
    for labs in ((empty, blood(Analyte.HAEMOGLOBIN, "100", 5)), (low, first_day)):
        found = whole(*labs, began=began)
        assert found is not None
        assert found.verdict is not Verdict.POOR


def test_a_sign_of_the_day_treatment_began_did_not_begin_on_it() -> None:
    found = judge(seen(problems=(problem(NERVES, ago(90)),), exposures=(BEGAN,)))

    assert found is not None
    assert found.why == "symptoms are on record on established treatment"


LABEL = BOOK.protocols["us-label"]
LAZY_SINCE = since(20, Form.INJECTION)
COUNT = blood(RETICULOCYTES, "20", 5, flag=Flag.NORMAL)


def by_label(*labs):
    return judge(gather(record_of(labs, birth=ADULT, exposures=(LAZY_SINCE,)), LABEL, TODAY))


def test_reticulocytes_that_stay_short_of_twice_normal_are_told_with_the_haematocrit_and_the_beginning() -> None:
    thin = blood(Analyte.HAEMATOCRIT, "30", 5)

    assert by_label(COUNT, thin) == Response(
        Verdict.POOR, "reticulocytes not 2 times normal: look again at the diagnosis", (COUNT, thin), LAZY_SINCE.start
    )


@pytest.mark.parametrize(
    "volume",
    [
        blood(Analyte.HAEMATOCRIT, "30", 20),
        blood(Analyte.HAEMATOCRIT, "36", 5),
        result(Analyte.HAEMATOCRIT, None, "", 5),
    ],
)
def test_a_haematocrit_of_the_first_day_or_without_a_number_or_in_range_says_nothing(volume) -> None:
    found = by_label(COUNT, volume)

    assert found is not None
    assert found.verdict is not Verdict.POOR


@pytest.mark.parametrize(("older", "poor"), [(0, True), (1, False)])
def test_the_count_before_treatment_is_looked_for_so_many_months_back_to_the_day(older: int, poor: bool) -> None:
    assert LAZY_SINCE.start is not None
    oldest = months_before(LAZY_SINCE.start, LABEL.limits.blood_count_months)
    days = (TODAY - oldest).days + older
    found = whole(
        blood(Analyte.HAEMOGLOBIN, "90", 5), blood(Analyte.HAEMOGLOBIN, "90", days, "before"), began=LAZY_SINCE
    )

    assert found is not None
    assert (found.verdict is Verdict.POOR) is poor
