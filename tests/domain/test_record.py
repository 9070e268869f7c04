"""Measures that can only sometimes be compared, and months that are not all as long."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.record import (
    Concept,
    Course,
    Exposure,
    Form,
    Measure,
    Problem,
    Record,
    Result,
    When,
    months_after,
    months_before,
    record_of,
)
from service.domain.terms import Analyte, Role

#: Halves stand for every value between whole numbers; the ends are far outside any limit that is drawn.
LINE = [Decimal(n) / 2 for n in range(-20, 41)]
NUMBERS = st.integers(0, 10).map(Decimal)
COMPARATORS = st.sampled_from(["", "<", "<=", ">", ">="])
DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))


def possible(measure: Measure) -> list[Decimal]:
    """Every value on the line that the measure may stand for."""
    match measure.comparator:
        case "<":
            return [v for v in LINE if v < measure.value]
        case "<=":
            return [v for v in LINE if v <= measure.value]
        case ">":
            return [v for v in LINE if v > measure.value]
        case ">=":
            return [v for v in LINE if v >= measure.value]
    return [measure.value]


def agreed(answers: list[bool]) -> bool | None:
    return answers[0] if len(set(answers)) == 1 else None


@given(NUMBERS, NUMBERS, COMPARATORS)
def test_a_comparison_answers_exactly_when_every_possible_value_gives_the_same_answer(value, limit, comparator):
    measure = Measure(value, "ng/L", comparator)
    values = possible(measure)

    assert measure.below(limit) == agreed([v < limit for v in values])
    assert measure.at_most(limit) == agreed([v <= limit for v in values])
    assert measure.above(limit) == agreed([v > limit for v in values])
    assert measure.at_least(limit) == agreed([v >= limit for v in values])


@pytest.mark.parametrize(
    ("comparator", "value", "below", "at_least"),
    [
        ("<", 50, True, False),
        ("<", 180, True, False),
        ("<=", 180, None, None),
        ("<", 400, None, None),
        (">", 180, False, True),
        (">=", 180, False, True),
        (">", 50, None, None),
        ("", 180, False, True),
    ],
)
def test_under_50_is_decidable_against_180_and_under_400_is_not(comparator, value, below, at_least):
    measure = Measure(Decimal(value), "ng/L", comparator)

    assert (measure.below(Decimal(180)), measure.at_least(Decimal(180))) == (below, at_least)


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2023-02-28"),
        ("2024-02-29", 48, "2020-02-29"),
        ("2026-01-31", 2, "2025-11-30"),
        ("2026-01-01", 1, "2025-12-01"),
        ("2026-12-31", 12, "2025-12-31"),
        ("2026-05-31", 0, "2026-05-31"),
    ],
)
def test_the_same_day_months_earlier_is_that_months_last_when_it_is_shorter(day, months, earlier):
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(earlier)


@given(DAYS, st.integers(0, 600))
def test_months_earlier_keeps_the_day_or_takes_the_months_last(day, months):
    earlier = months_before(day, months)

    assert (day.year - earlier.year) * 12 + day.month - earlier.month == months
    assert earlier.day == day.day or (earlier + timedelta(days=1)).day == 1
    assert earlier.day <= day.day


@given(DAYS, DAYS, st.integers(0, 60))
def test_an_earlier_day_is_never_later_months_ago(one, other, months):
    assert (months_before(one, months) <= months_before(other, months)) or one > other


@given(DAYS, st.integers(0, 600))
def test_months_later_is_months_earlier_backwards(day, months):
    assert months_after(day, months) == months_before(day, -months)


@given(DAYS, DAYS, DAYS, DAYS)
def test_results_are_newest_first_whatever_order_they_come_in(a, b, c, d):
    whens = [When(min(a, b), max(a, b)), When(min(c, d), max(c, d)), When(a, a), When(d, d)]
    results = [Result(Analyte.B12, f"Observation/{n}", when, "") for n, when in enumerate(whens)]
    record = record_of(results)

    assert record == record_of(results[::-1])
    latest = [r.taken.latest for r in record.of(Analyte.B12)]
    assert latest == sorted(latest, reverse=True)
    assert record.of(Analyte.MMA) == ()


@pytest.mark.parametrize(
    ("comparator", "value", "at_most"),
    [("<=", 180, True), ("<=", 181, None), ("<", 180, True), (">", 180, False), (">=", 180, None), (">=", 181, False)],
)
def test_at_most_a_limit_is_decided_by_the_comparator(comparator, value, at_most):
    assert Measure(Decimal(value), "ng/L", comparator).at_most(Decimal(180)) is at_most


def made(analyte, name, earliest, latest):
    first = date(2026, 1, 1)
    return Result(analyte, name, When(first + timedelta(days=earliest), first + timedelta(days=latest)), "")


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (made(Analyte.B12, "b", 1, 9), made(Analyte.B12, "a", 2, 8)),
        (made(Analyte.B12, "b", 2, 9), made(Analyte.B12, "a", 1, 9)),
        (made(Analyte.MMA, "a", 1, 1), made(Analyte.B12, "b", 1, 1)),
        (made(Analyte.B12, "a", 1, 1), made(Analyte.MMA, "b", 1, 1)),
    ],
)
def test_results_stand_by_their_last_day_then_their_first_then_their_names(newer, older):
    assert record_of([older, newer]).results == record_of([newer, older]).results == (newer, older)


def test_what_a_record_was_asked_before_makes_it_no_other_and_is_not_shown():
    result = made(Analyte.B12, "a", 1, 1)
    told, asked = record_of([result]), record_of([result])
    asked.counted["what"] = (result,)

    assert told == asked
    assert repr(told) == repr(asked)
    assert told == Record(results=(result,))
    assert "_by" not in repr(told)


def test_how_a_record_is_sorted_to_be_found_in_makes_it_no_other():
    concept = Concept("pa", "pernicious anaemia", frozenset({Role.RISK}))
    problem = Problem(concept, "Condition/p", None, None, active=True, certain=True)
    exposure = Exposure(concept, "MedicationRequest/m", Course.ACTIVE, Form.ORAL, None, None)

    assert record_of([], (problem,), (exposure,)) == Record(problems=(problem,), exposures=(exposure,))
