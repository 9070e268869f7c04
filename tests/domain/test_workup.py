"""Which tests are called for and the words that say why: exposures in time, a film, who is screened for age."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from service.domain.assess import assess
from service.domain.protocol import Screening
from service.domain.terms import Analyte, Notice
from service.domain.workup import _for, of_workup, prompts, screened
from tests.medicine.test_sharp import BOOK, PERNICIOUS, TODAY, UK, b12, judged, problem, result, seen

BLOOD = (Analyte.HAEMOGLOBIN, Analyte.FOLATE, Analyte.FERRITIN, Analyte.POTASSIUM, Analyte.EGFR)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (date(2026, 3, 1), ""),
        (date(2026, 2, 28), " for 1 month"),
        (date(2026, 2, 1), " for 1 month"),
        (date(2026, 1, 31), " for 2 months"),
        (date(2024, 4, 1), " for 23 months"),
        (date(2024, 3, 31), " for 2 years"),
        (date(2023, 4, 1), " for 2 years"),
        (date(2023, 3, 31), " for 3 years"),
    ],
)
def test_how_long_a_medicine_is_taken_is_said_in_months_and_from_two_years_on_in_years(start: date, words: str) -> None:
    assert _for(start, TODAY) == words


def test_a_film_is_a_reason_to_test_in_its_own_words() -> None:
    evidence = seen()._replace(film=("Observation/film",))

    assert prompts(evidence, assess(evidence, BOOK.causes)) == ("megaloblastic film",)


def test_a_baseline_is_asked_for_until_all_of_it_is_in_date() -> None:
    def raised(*missing: Analyte) -> set[Notice]:
        labs = [b12("100"), *(result(a, "5", "") for a in BLOOD if a not in missing)]
        known = {"problems": (problem(PERNICIOUS),)}
        return {notice for notice, _ in of_workup(seen(*labs, **known), judged(*labs, **known))}

    assert Notice.WORKUP_FBC not in raised()
    for analyte in BLOOD:
        assert Notice.WORKUP_FBC in raised(analyte), analyte


@pytest.mark.parametrize(
    ("age", "over", "wanted"),
    [((66, 66), 65, True), ((65, 66), 65, False), ((65, 65), 65, False), (None, 65, False), ((90, 90), None, False)],
)
def test_who_is_surely_over_an_age_is_screened_where_a_protocol_says_so(
    age: tuple[int, int] | None, over: int | None, wanted: bool
) -> None:
    screening = Screening(needs_symptom=False, age_over=over, causes=frozenset(), cite=UK.screening.cite)
    evidence = seen()._replace(age=age, protocol=replace(UK, screening=screening))

    assert screened(evidence, judged()) is wanted
