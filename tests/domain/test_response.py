"""How well a therapy works whose beginning is not on record, or of which only the beginning counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.domain.record import Course, Exposure, Form
from service.domain.response import Response, Verdict, judge
from service.domain.terms import Analyte
from tests.medicine.test_sharp import COBALAMIN, NERVES, TODAY, ago, problem, result, seen, since

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
