"""A plan's calendar: every dose that is supplied has its day, every check that has a time has its days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.record import months_after
from service.smart.calendar import Dose, doses, plan, repeat_of
from service.smart.choice import Base, bases
from tests.smart.patients import book, first, with_a_plan

MONDAY = date(2026, 3, 2)


def repeat(start: date, end: date, **rest: object) -> dict[str, object]:
    return {"boundsPeriod": {"start": start.isoformat(), "end": end.isoformat()}, **rest}


def days(found: tuple[Dose, ...]) -> list[date]:
    return [dose.on for dose in found]


def test_three_a_week_for_two_weeks_fall_on_six_days_with_a_day_between() -> None:
    found = doses(repeat(MONDAY, MONDAY + timedelta(days=13), frequency=3, period=1, periodUnit="wk", count=6))

    assert [(day - MONDAY).days for day in days(found)] == [0, 2, 4, 7, 9, 11]
    assert {day.strftime("%A") for day in days(found)} == {"Monday", "Wednesday", "Friday"}


def test_alternate_days_leave_a_day_between() -> None:
    found = doses(repeat(MONDAY, MONDAY + timedelta(days=20), frequency=1, period=2, periodUnit="d", count=11))

    assert [(day - MONDAY).days for day in days(found)] == [*range(0, 21, 2)]


def test_a_dose_that_may_not_be_needed_is_said_to_be_so() -> None:
    found = doses(
        repeat(MONDAY, MONDAY + timedelta(days=6), frequency=1, period=1, periodUnit="d", count=6, countMax=7)
    )

    assert [dose.optional for dose in found] == [False] * 6 + [True]


def test_an_interval_that_is_a_range_gives_a_first_and_a_last_day() -> None:
    found = doses(repeat(MONDAY, date(2026, 8, 1), frequency=1, period=2, periodMax=3, periodUnit="mo"))

    assert [(dose.on, dose.latest) for dose in found] == [
        (date(2026, 3, 2), date(2026, 3, 2)),
        (date(2026, 5, 2), date(2026, 6, 2)),
        (date(2026, 7, 2), date(2026, 9, 2)),
    ]


def test_the_first_dose_of_maintenance_is_due_one_interval_after_the_last_of_the_course() -> None:
    found = doses(
        repeat(MONDAY, date(2026, 6, 1), frequency=1, period=2, periodMax=3, periodUnit="mo"),
        waits_from=date(2026, 2, 27),
    )

    assert [(dose.on, dose.latest, dose.after_review) for dose in found] == [
        (date(2026, 4, 27), date(2026, 5, 27), False),
        (date(2026, 6, 27), date(2026, 8, 27), True),
    ]


def test_the_thirty_first_becomes_the_last_day_of_a_shorter_month() -> None:
    found = doses(repeat(date(2026, 1, 31), date(2026, 4, 30), frequency=1, period=1, periodUnit="mo"))

    assert days(found) == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


EACH = [
    pytest.param(b, d, id=f"{n}-{d.protocol.id}-{b.option.regimen.id}")
    for n, d in enumerate(with_a_plan())
    for b in bases(d)
]


@pytest.mark.parametrize(("base", "decision"), EACH)
def test_every_dose_that_is_supplied_has_its_day(base: Base, decision: object) -> None:
    for course in plan(base.dated, decision, book()).courses:  # type: ignore[arg-type]
        order = course.order

        assert len(course.doses) == order.doses
        assert (order.high or order.low) * len(course.doses) == order.quantity
        assert days(course.doses) == sorted(set(days(course.doses)))
        assert course.doses[0].on >= order.start


timings = st.fixed_dictionaries(
    {"frequency": st.integers(1, 3), "period": st.integers(1, 4), "periodUnit": st.sampled_from(["d", "wk", "mo"])}
)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 400), timings)
def test_doses_stand_in_order_inside_their_bounds_and_none_is_missing(
    start: date, length: int, timing: dict[str, object]
) -> None:
    if timing["periodUnit"] == "d":
        timing = {**timing, "frequency": 1}
    end = start + timedelta(days=length)

    found = doses(repeat(start, end, **timing))

    from service.fhir.supply import doses_between

    assert len(found) == doses_between(timing, start, end)
    assert days(found) == sorted(days(found))
    assert found[0].on == start
    assert all(dose.on <= dose.latest for dose in found)


def test_checks_are_counted_from_the_first_dose() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")
    made = plan(bases(decision)[0].dated, decision, book())
    start = made.start

    told = {visit.words: (visit.first, visit.last) for visit in made.visits}

    assert told["full blood count and reticulocytes 7 to 10 days after the start"] == (
        start + timedelta(days=7),
        start + timedelta(days=10),
    )
    assert told["full blood count, ferritin and folate at 8 weeks"][0] == start + timedelta(weeks=8)
    assert told["symptoms at 3 months, sooner if severe"][0] == months_after(start, 3)
    assert "serum B12 is not repeated on injections" in made.watched


def test_a_check_without_a_time_is_watched_and_has_no_day() -> None:
    for decision in with_a_plan():
        made = plan(bases(decision)[0].dated, decision, book())

        assert not {visit.words for visit in made.visits} & set(made.watched)


def test_every_sentence_that_a_protocol_watches_has_its_line_in_the_calendar() -> None:
    lines = {
        sentence
        for protocol in book().protocols.values()
        for name, said in protocol.monitoring.items()
        if not name.startswith("review")
        for sentence in said
    }

    assert lines - set(book().calendar.checks) == set()
    assert len(lines) > 15


def test_the_calendar_is_made_of_what_the_order_says() -> None:
    for decision in with_a_plan():
        for base in bases(decision):
            for order in base.dated.orders:
                assert repeat_of(order)["boundsPeriod"] == {
                    "start": order.start.isoformat(),
                    "end": order.end.isoformat(),
                }
