"""Which samples B12 therapy spoils, to the day."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.record import Concept, Course, Exposure, Form, Measure, Record, When
from service.domain.terms import PhaseName, Role
from service.domain.therapy import Therapy, therapy_of
from service.knowledge.load import load

LIMITS = next(iter(load().book.protocols.values())).limits
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
    return therapy_of(Record(exposures=exposures), TODAY, replace(LIMITS, injection_washout_days=washout))


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


def dose_on(month, day, form=INJECTION):
    return given_on(date(2026, month, day), form)._replace(resource=f"MedicationAdministration/{month}-{day}")


def course_of_doses(*doses):
    """The course that doses alone make, as its start, its interval and the dose it is known by."""
    return [(e.start, e.every_days, e.resource) for e in therapy(*doses).active]


def test_injections_known_only_because_they_were_given_are_a_course_that_goes_on():
    doses = [dose_on(4, 1), dose_on(5, 1), dose_on(6, 2)]

    assert course_of_doses(*doses) == [(date(2026, 4, 1), Decimal(31), "MedicationAdministration/6-2")]
    assert course_of_doses(*reversed(doses)) == course_of_doses(*doses)
    assert therapy(*doses).injected


@pytest.mark.parametrize(
    "doses",
    [
        [dose_on(6, 2)],
        [dose_on(6, 2), dose_on(6, 2)],
        [dose_on(5, 2, ORAL), dose_on(6, 2, ORAL)],
        [given_on(date(2025, 11, 1)), given_on(date(2025, 12, 29))],
        [given_on(date(2025, 11, 1)), dose_on(6, 2)],
        [dose_on(6, 2), dose_on(7, 2)],
    ],
)
def test_one_injection_or_doses_half_a_year_apart_are_no_course(doses):
    assert course_of_doses(*doses) == []


def test_a_series_begins_after_its_last_real_gap():
    doses = [given_on(date(2025, 6, 1)), given_on(date(2025, 12, 30)), dose_on(3, 30), dose_on(6, 28)]

    assert course_of_doses(*doses) == [(date(2025, 12, 30), Decimal(90), "MedicationAdministration/6-28")]


def test_doses_given_to_an_injected_order_make_no_second_course():
    assert therapy(b12(), dose_on(5, 2), dose_on(6, 2)).active == (b12(),)
    assert therapy(b12(), dose_on(5, 2), dose_on(6, 2)).last_dose == dose_on(6, 2)


GRAM = Decimal(1_000_000)


@pytest.mark.parametrize(
    ("dose", "by_words", "active"),
    [
        (Measure(5 * GRAM, "ug"), False, False),
        (Measure(GRAM, "ug"), False, False),
        (Measure(GRAM - 1, "ug"), False, True),
        (Measure(Decimal(1000), "ug"), True, True),
        (Measure(Decimal(1000), "ug"), False, True),
        (Measure(5 * GRAM, "ug", "<="), True, False),
        (None, True, False),
        (None, False, True),
    ],
)
def test_a_gram_of_a_cobalamin_is_an_antidote_and_no_treatment(dose, by_words, active):
    given = b12()._replace(dose=dose, as_antidote=by_words)
    found = therapy(given)

    assert bool(found.active) is active
    assert [e.resource for e in found.antidotes] == ([] if active else [given.resource])


def test_an_antidote_spoils_samples_for_the_wash_out_and_no_longer():
    found = therapy(b12(form=UNKNOWN)._replace(as_antidote=True))

    assert found.taken_during(after(1))
    assert found.taken_during(after(14))
    assert not found.taken_during(after(15))
    assert found.last_taken(TODAY) is None


HYDROXO = b12(name="m2")._replace(concept=Concept("hydroxocobalamin", "hydroxocobalamin", B12.roles))
UNNAMED = b12(name="m3")._replace(concept=Concept("cobalamin", "B12", B12.roles | {Role.KIND_NOT_SAID}))


@pytest.mark.parametrize(
    ("courses", "beside"),
    [
        ((b12(), HYDROXO), True),
        ((b12(), b12(form=ORAL, name="m4")), True),
        ((b12(), b12(name="m5")), False),
        ((b12(), UNNAMED), False),
        ((b12(), b12(form=UNKNOWN, name="m6")), False),
        ((b12(end=TODAY - timedelta(days=1)), HYDROXO), False),
        ((b12(start=TODAY + timedelta(days=1)), HYDROXO), False),
        ((b12(end=TODAY), HYDROXO), True),
    ],
)
def test_courses_of_another_drug_or_form_that_run_today_are_parallel(courses, beside):
    assert therapy(*courses).parallel == (courses if beside else ())


@pytest.mark.parametrize(
    ("days_ago", "every", "phase"),
    [
        (10, 2, PhaseName.REPLETION),
        (55, 7, PhaseName.REPLETION),
        (55, 8, PhaseName.MAINTENANCE),
        (56, 2, PhaseName.MAINTENANCE),
        (10, None, None),
        (400, None, PhaseName.MAINTENANCE),
    ],
)
def test_the_stores_are_filled_in_the_first_weeks_while_doses_are_close(days_ago, every, phase):
    course = b12(start=TODAY - timedelta(days=days_ago), every=Decimal(every) if every else None)

    assert therapy(course).phase(course, TODAY, LIMITS) is phase


def test_a_course_that_is_over_is_in_the_phase_of_its_last_day():
    loading = b12(start=TODAY - timedelta(days=90), end=TODAY - timedelta(days=60), every=Decimal(2))

    assert therapy(loading).phase(loading, TODAY, LIMITS) is PhaseName.REPLETION


def test_the_phase_of_a_course_without_a_start_is_not_known():
    course = b12(start=None, every=Decimal(90))

    assert therapy(course).phase(course, TODAY, LIMITS) is None


@pytest.mark.parametrize(
    ("courses", "due"),
    [
        ((b12(end=TODAY - timedelta(days=30)),), TODAY - timedelta(days=30)),
        ((b12(end=TODAY - timedelta(days=30)), b12(end=TODAY - timedelta(days=60), name="m2")), TODAY - timedelta(30)),
        ((b12(end=TODAY),), None),
        ((b12(),), None),
        ((b12(end=TODAY - timedelta(days=30)), b12(name="m2")), None),
        ((b12(end=TODAY - timedelta(days=120)),), None),
        ((), None),
    ],
)
def test_a_review_was_due_when_the_last_order_on_record_is_over(courses, due):
    assert therapy(*courses).review_passed(TODAY) == due


def test_b12_was_last_taken_when_the_newest_course_ended_and_never_after_today():
    ended = b12(ENDED, end=date(2026, 2, 1))

    assert therapy(ended, b12(ENDED, start=LONG_AGO, end=START)).last_taken(TODAY) == date(2026, 2, 1)
    assert therapy(b12(ENDED, end=date(2027, 1, 1))).last_taken(TODAY) == TODAY
    assert therapy(ended, b12()).last_taken(TODAY) is None
    assert therapy().last_taken(TODAY) is None


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


def test_a_later_order_hides_no_earlier_one_of_the_same_course():
    first = b12(ENDED, start=START - timedelta(days=30), end=START - timedelta(days=1), name="m0")
    second, later = b12(), b12(start=START + timedelta(days=100), name="m2")

    assert therapy(first, second, later).began(second) == first.start


def test_of_two_injections_of_a_day_one_is_the_dose_of_that_day_and_today_counts():
    other = replace_concept(given_on(TODAY), "hydroxocobalamin")._replace(resource="MedicationAdministration/b")
    mine = given_on(TODAY)._replace(resource="MedicationAdministration/a")

    assert therapy(other, mine).last_dose == other
    assert therapy(mine, other).last_dose == other


def replace_concept(exposure, name):
    return exposure._replace(concept=Concept(name, name, frozenset({Role.COBALAMIN})))


def test_what_begins_today_runs_beside_what_runs_already():
    tablets, injections = b12(form=ORAL), b12(start=TODAY, name="m2")

    assert therapy(tablets, injections).parallel == (tablets, injections)


def test_an_antidote_is_one_injection_whatever_its_order_says_of_how_it_goes_on():
    ordered = b12(every=Decimal(1))._replace(as_antidote=True)

    assert therapy(ordered).soon_after_injection(after(14))
    assert not therapy(ordered).soon_after_injection(after(100))


def test_an_antidote_shortly_before_a_course_is_not_where_that_began():
    antidote = b12(ENDED, start=START - timedelta(days=10), end=START - timedelta(days=10), name="a")
    course = b12()
    found = therapy(antidote._replace(as_antidote=True), course)

    assert [e.course for e in found.antidotes] == [GIVEN]
    assert found.began(course) == START
    assert therapy(antidote, course).began(course) == START - timedelta(days=10)
