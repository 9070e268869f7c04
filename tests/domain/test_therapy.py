"""Which samples B12 therapy spoils, to the day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.record import Concept, Course, Exposure, Form, Record, When
from service.domain.terms import Role
from service.domain.therapy import Therapy, therapy_of

TODAY = date(2026, 6, 30)
START = date(2026, 1, 10)
B12 = Concept("cyanocobalamin", "cyanocobalamin", frozenset({Role.COBALAMIN}))
INJECTION, ORAL, NASAL, UNKNOWN = Form.INJECTION, Form.ORAL, Form.NASAL, Form.UNKNOWN
ACTIVE, ENDED, GIVEN, DRAFT = Course.ACTIVE, Course.ENDED, Course.GIVEN, Course.DRAFT


def b12(course=ACTIVE, form=INJECTION, start=START, end=None, every=None, name="m1"):
    return Exposure(B12, f"MedicationRequest/{name}", course, form, start, end, every)


def given_on(day, form=INJECTION):
    return b12(GIVEN, form, day, day)


def therapy(*exposures, washout=14) -> Therapy:
    return therapy_of(Record(exposures=exposures), TODAY, washout, lapse_months=3)


def after(days, start=START):
    return When(start + timedelta(days=days), start + timedelta(days=days))


def vague(first, last):
    return When(START + timedelta(days=first), START + timedelta(days=last))


@pytest.mark.parametrize(
    ("exposure", "days", "during"),
    [
        (b12(), 0, False),
        (b12(), -1, False),
        (b12(), 1, True),
        (b12(), 900, True),
        (b12(form=ORAL), 0, False),
        (b12(form=ORAL), 1, True),
        (b12(ENDED, ORAL, end=START + timedelta(days=60)), 60, True),
        (b12(ENDED, ORAL, end=START + timedelta(days=60)), 61, False),
        (b12(ENDED, NASAL, end=START + timedelta(days=60)), 61, False),
        (b12(ENDED, INJECTION, end=START + timedelta(days=60)), 74, True),
        (b12(ENDED, INJECTION, end=START + timedelta(days=60)), 75, False),
        (b12(ACTIVE, INJECTION, end=START + timedelta(days=60)), 75, False),
        (b12(ENDED, INJECTION), 14, True),
        (b12(ENDED, INJECTION), 15, False),
        (b12(ENDED, ORAL), 1, False),
        (given_on(START), 0, False),
        (given_on(START), 1, True),
        (given_on(START), 14, True),
        (given_on(START), 15, False),
        (given_on(START, ORAL), 1, False),
        (b12(start=None), -900, True),
        (b12(ENDED, start=None), 0, False),
        (b12(DRAFT), 1, False),
    ],
)
def test_a_sample_is_taken_during_therapy_from_the_day_after_it_began_to_14_days_after_an_injection(
    exposure, days, during
):
    assert therapy(exposure).taken_during(after(days)) is during


def test_a_vague_sample_is_spoilt_when_it_may_have_been_taken_during_therapy():
    course = therapy(b12(ENDED, ORAL, end=START + timedelta(days=10)))

    assert course.taken_during(vague(-20, 5))
    assert course.taken_during(vague(10, 40))
    assert not course.taken_during(vague(11, 40))
    assert not course.taken_during(vague(-20, 0))


@pytest.mark.parametrize(
    ("exposure", "days", "soon"),
    [
        (given_on(START), 0, False),
        (given_on(START), 1, True),
        (given_on(START), 14, True),
        (given_on(START), 15, False),
        (b12(every=Decimal(90)), 0, False),
        (b12(every=Decimal(90)), 14, True),
        (b12(every=Decimal(90)), 15, False),
        (b12(every=Decimal(90)), 89, False),
        (b12(every=Decimal(90)), 90, True),
        (b12(every=Decimal(90)), 104, True),
        (b12(every=Decimal(90)), 105, False),
        (b12(every=Decimal(2)), 33, True),
        (b12(ENDED, end=START + timedelta(days=40), every=Decimal(30)), 44, True),
        (b12(ENDED, end=START + timedelta(days=40), every=Decimal(30)), 45, False),
        (b12(ENDED, end=START + timedelta(days=60)), 74, True),
        (b12(ENDED, end=START + timedelta(days=60)), 75, False),
        (b12(ENDED, end=START - timedelta(days=60), every=Decimal(30)), 1, True),
        (b12(form=ORAL), 1, False),
        (b12(form=UNKNOWN), 1, False),
        (b12(DRAFT), 1, False),
        (b12(ENDED, start=None), 1, False),
    ],
)
def test_a_sample_is_soon_after_an_injection_up_to_14_days(exposure, days, soon):
    assert therapy(exposure).soon_after_injection(after(days)) is soon


@pytest.mark.parametrize(
    ("exposure", "days", "injections_only", "before"),
    [
        (b12(), -1, False, True),
        (b12(), 0, False, True),
        (b12(), 1, False, False),
        (b12(form=ORAL), 0, False, True),
        (b12(form=ORAL), 0, True, False),
        (b12(), 0, True, True),
        (b12(start=None), 500, False, True),
        (b12(ENDED, end=START), -1, False, False),
        (b12(end=TODAY), -1, False, True),
        (b12(end=TODAY - timedelta(days=1)), -1, False, True),
        (b12(end=TODAY - timedelta(days=100)), -1, False, False),
        (b12(DRAFT), -1, False, False),
        (given_on(START), -1, False, False),
    ],
)
def test_a_sample_is_older_than_the_therapy_that_is_active_up_to_its_first_day(exposure, days, injections_only, before):
    assert therapy(exposure).before(after(days), injections_only=injections_only) is before


LONG_AGO = date(2025, 1, 1)


@pytest.mark.parametrize(
    ("earlier", "began"),
    [
        (b12(ENDED, start=LONG_AGO, end=START), LONG_AGO),
        (b12(ENDED, start=LONG_AGO, end=START - timedelta(days=14)), LONG_AGO),
        (b12(ENDED, start=LONG_AGO, end=START - timedelta(days=15)), START),
        (b12(ACTIVE, start=LONG_AGO), LONG_AGO),
        (b12(ACTIVE, start=LONG_AGO, end=date(2025, 3, 1)), START),
        (b12(ENDED, start=LONG_AGO), START),
        (b12(ENDED, ORAL, start=LONG_AGO, end=START), START),
        (b12(ENDED, start=None, end=START), START),
        (given_on(START - timedelta(days=3)), START),
        (b12(DRAFT, start=LONG_AGO, end=START), START),
    ],
)
def test_a_course_began_with_its_first_order_of_the_same_form_when_no_gap_was_over_14_days(earlier, began):
    now = b12(name="m2")

    assert therapy(earlier, now).began(now) == began
    assert therapy(now, earlier).began(now) == began


def test_renewals_chain_through_several_orders():
    orders = [
        b12(ENDED, start=date(2025, month, 1), end=date(2025, month, 28), name=f"m{month}") for month in range(3, 13)
    ]
    now = b12(start=date(2026, 1, 1))

    assert therapy(*orders, now).began(now) == date(2025, 3, 1)
    assert therapy(*orders[:4], *orders[5:], now).began(now) == date(2025, 8, 1)


@pytest.mark.parametrize(
    ("exposures", "injected", "by_mouth_or_nose", "form_unknown"),
    [
        ((), False, False, False),
        ((b12(),), True, False, False),
        ((b12(form=ORAL),), False, True, False),
        ((b12(form=ORAL), b12(form=NASAL)), False, True, False),
        ((b12(), b12(form=ORAL)), True, False, False),
        ((b12(form=UNKNOWN),), False, False, True),
        ((b12(form=ORAL), b12(form=UNKNOWN)), False, False, True),
        ((b12(ENDED, end=START), given_on(START)), False, False, False),
    ],
)
def test_how_b12_is_taken_now_is_told_by_what_is_active(exposures, injected, by_mouth_or_nose, form_unknown):
    found = therapy(*exposures)

    assert (found.injected, found.by_mouth_or_nose, found.form_unknown) == (injected, by_mouth_or_nose, form_unknown)


@pytest.mark.parametrize(
    ("end", "active"),
    [(None, 1), (TODAY, 1), (TODAY - timedelta(days=1), 1), (date(2026, 3, 30), 1), (date(2026, 3, 29), 0)],
)
def test_an_active_order_whose_dates_are_over_stands_until_a_review_is_overdue(end, active):
    assert len(therapy(b12(end=end)).active) == active


ANY_DAY = st.dates() | st.sampled_from([date.min, date.max, date.max - timedelta(days=1), None])
EXPOSURES = st.builds(
    b12,
    st.sampled_from(Course),
    st.sampled_from(Form),
    ANY_DAY,
    ANY_DAY,
    st.none() | st.decimals("0.00001", 40000, allow_nan=False),
)


@given(st.lists(EXPOSURES, max_size=4), st.dates(), st.dates())
def test_no_dates_at_the_ends_of_time_break_the_counting(exposures, one, other):
    found = therapy(*exposures)
    taken = When(min(one, other), max(one, other))
    answers = [found.taken_during(taken), found.soon_after_injection(taken)]
    answers += [found.before(taken, injections_only=only) for only in (True, False)]
    began = [found.began(e) for e in found.active]

    assert {type(answer) for answer in answers} == {bool}
    assert all(e.start is None or (b is not None and b <= e.start) for e, b in zip(found.active, began, strict=True))
