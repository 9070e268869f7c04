"""How injections keep to their interval, where the record is not the usual one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from service.domain.decision import Decision, decide
from service.domain.intervals import may_be_shorter, usual_interval
from service.domain.record import Concept, Course, Exposure, Form, Problem, record_of
from service.domain.terms import Mechanism, Role
from tests.medicine.test_sharp import ADULT, BOOK, PERNICIOUS, TODAY, UK, ago, problem

HYDROXO = Concept("hydroxocobalamin", "hydroxocobalamin", frozenset({Role.COBALAMIN}))
METHYL = Concept("methylcobalamin", "methylcobalamin", frozenset({Role.COBALAMIN}))
VEGAN = Concept(
    "vegan", "vegan diet", cause=next(c.id for c in BOOK.causes.values() if c.mechanism is Mechanism.DIETARY)
)
QUARTER = Decimal(90)


def ordered(days_ago: int | None, every: Decimal | None = QUARTER, name: str = "m", **more: object) -> Exposure:
    start = None if days_ago is None else TODAY - timedelta(days=days_ago)
    made = Exposure(HYDROXO, f"MedicationRequest/{name}", Course.ACTIVE, Form.INJECTION, start, None, every)
    return made._replace(**more)  # type: ignore[arg-type]


def over(days_ago: int, ended: int) -> Exposure:
    return ordered(days_ago, name="old", course=Course.ENDED, end=TODAY - timedelta(days=ended))


def given(*days_ago: int, drug: Concept = HYDROXO) -> tuple[Exposure, ...]:
    days = [TODAY - timedelta(days=n) for n in days_ago]
    return tuple(
        Exposure(drug, f"MedicationAdministration/g{n}", Course.GIVEN, Form.INJECTION, day, day)
        for n, day in enumerate(days)
    )


def treated(*exposures: Exposure, because: Problem | None = None) -> Decision:
    record = record_of((), birth=ADULT, exposures=exposures, problems=(because or problem(PERNICIOUS, ago(900)),))
    return decide(record, UK, BOOK, TODAY)


def said(*exposures: Exposure, **more: Problem) -> set[str]:
    course = treated(*exposures, **more).given
    found = {"overdue": course.overdue, "too often": course.too_often, "too rare": course.too_rare}
    return {name for name, what in found.items() if what}


def test_after_a_dietary_deficiency_the_next_dose_may_wait_half_a_year() -> None:
    doses = given(120, 210, 300)

    assert said(*doses) == {"overdue"}
    assert said(*doses, because=problem(VEGAN, ago(900))) == set()


def test_a_dose_of_the_day_a_course_began_counts_for_it() -> None:
    assert said(ordered(200), *given(200)) == {"overdue"}
    assert said(ordered(200), *given(201)) == set()


@pytest.mark.parametrize(("renewed", "found"), [(10, set()), (0, set()), (20, {"overdue"})])
def test_an_order_that_was_renewed_tells_that_the_course_goes_on(renewed: int, found: set[str]) -> None:
    assert said(over(300, renewed + 1), ordered(renewed), *given(200)) == found


@pytest.mark.parametrize("others", [(), (ordered(None, name="undated"),)])
def test_an_order_that_begins_tomorrow_or_no_day_does_not(others: tuple[Exposure, ...]) -> None:
    assert said(over(300, 2), ordered(-1), *others, *given(200)) == {"overdue"}


def test_an_order_of_no_known_beginning_beside_another_does_not_hide_that_a_dose_is_overdue() -> None:
    assert said(ordered(300), ordered(None, name="undated"), *given(200)) == {"overdue"}


def test_where_no_interval_of_the_drug_is_usual_the_order_s_own_counts() -> None:
    def of_no_usual(last: int) -> set[str]:
        return said(ordered(300, Decimal(30), concept=METHYL), *given(last, drug=METHYL))

    assert (of_no_usual(44), of_no_usual(45)) == (set(), {"overdue"})
    assert said(ordered(300, None, concept=METHYL), *given(200, drug=METHYL)) == set()
    assert usual_interval(UK, METHYL.id, Mechanism.DIETARY) is None


@pytest.mark.parametrize(("last", "found"), [(37, {"too often"}), (38, set())])
def test_a_course_known_by_its_doses_keeps_its_pace_for_as_long_as_the_next_may_be_late(
    last: int, found: set[str]
) -> None:
    assert said(*given(*range(last, last + 150, 30))) == found


@pytest.mark.parametrize(("begins", "found"), [(0, {"too often"}), (-1, set())])
def test_an_order_that_goes_on_from_today_is_one_that_runs(begins: int, found: set[str]) -> None:
    assert said(over(300, 2), ordered(begins, Decimal(30))) == found


@pytest.mark.parametrize(("every", "room"), [(67, False), (68, True), (97, True), (98, False)])
def test_there_is_room_for_a_shorter_interval_between_the_usual_ones(every: int, room: bool) -> None:
    course = ordered(900, Decimal(every))

    assert may_be_shorter(UK, course, Mechanism.AUTOIMMUNE_GASTRITIS) is room


def test_an_interval_that_is_not_known_or_not_usual_may_be_shorter() -> None:
    assert may_be_shorter(UK, ordered(900, None), Mechanism.AUTOIMMUNE_GASTRITIS)
    assert may_be_shorter(UK, ordered(900, concept=METHYL), Mechanism.AUTOIMMUNE_GASTRITIS)


def test_of_a_dietary_deficiency_the_line_of_its_own_is_the_usual_one() -> None:
    course = ordered(900, Decimal(150))

    assert may_be_shorter(UK, course, Mechanism.DIETARY)
    assert not may_be_shorter(UK, course, Mechanism.AUTOIMMUNE_GASTRITIS)
