"""How injections keep to their interval: to the day, each drug by its own."""

from __future__ import annotations

from typing import Any

import pytest

from service.domain.decision import Decision
from service.domain.intervals import Course, may_be_shorter

from .treated import CYANO, HYDROXO, PERNICIOUS, TABLETS, decided, on


def treated(every: tuple[int, str], *, product: str = HYDROXO, protocol: str = "uk-ng239", **facts: Any) -> Decision:
    told = {"conditions": PERNICIOUS, "on_b12": on(product, 600, every)} | facts
    return decided(protocol, **told)


def says(given: Course) -> set[str]:
    said = {"overdue": given.overdue, "too often": given.too_often, "too rare": given.too_rare, "two": given.parallel}
    return {name for name, found in said.items() if found}


@pytest.mark.parametrize(
    ("product", "protocol", "every", "said"),
    [
        (HYDROXO, "uk-ng239", (52, "d"), {"too often"}),
        (HYDROXO, "uk-ng239", (53, "d"), set()),
        (HYDROXO, "uk-ng239", (97, "d"), set()),
        (HYDROXO, "uk-ng239", (98, "d"), {"too rare"}),
        (HYDROXO, "uk-ng239", (2, "mo"), set()),
        (HYDROXO, "uk-ng239", (13, "wk"), set()),
        (HYDROXO, "us-aafp", (1, "mo"), set()),
        (CYANO, "uk-ng239", (1, "mo"), set()),
        (CYANO, "uk-ng239", (1, "wk"), {"too often"}),
        (CYANO, "us-aafp", (2, "mo"), set()),
        (CYANO, "us-aafp", (3, "mo"), {"too rare"}),
        (CYANO, "us-label", (4, "wk"), set()),
        (CYANO, "us-label", (2, "mo"), {"too rare"}),
        (TABLETS, "uk-ng239", (3, "mo"), set()),
    ],
)
def test_an_interval_is_compared_with_that_of_its_own_drug(
    product: str, protocol: str, every: tuple[int, str], said: set[str]
) -> None:
    assert says(treated(every, product=product, protocol=protocol).given) == said


def test_twice_a_year_is_for_a_dietary_deficiency_only() -> None:
    assert says(treated((6, "mo")).given) == {"too rare"}
    assert says(treated((6, "mo"), conditions=[], diet="vegan").given) == set()


def test_repletion_has_eight_weeks_and_with_neurology_as_long_as_it_takes() -> None:
    assert says(treated((2, "d"), on_b12=on(HYDROXO, 55, (2, "d"))).given) == set()
    assert says(treated((2, "d"), on_b12=on(HYDROXO, 56, (2, "d"))).given) == {"too often"}
    assert says(treated((2, "d"), neuro=True).given) == set()


@pytest.mark.parametrize(("days_ago", "overdue"), [(104, False), (105, True)])
def test_an_injection_is_overdue_two_weeks_after_its_interval(days_ago: int, overdue: bool) -> None:
    found = treated((3, "mo"), given=[{"name": HYDROXO, "days_ago": days_ago}]).given.overdue

    assert (found is not None) is overdue


def test_the_orders_own_interval_counts_not_the_longest_of_the_drug() -> None:
    assert says(treated((2, "mo"), given=[{"name": HYDROXO, "days_ago": 80}]).given) == {"overdue"}
    assert says(treated((3, "mo"), given=[{"name": HYDROXO, "days_ago": 80}]).given) == set()


def test_without_any_dose_on_record_nothing_is_overdue() -> None:
    assert says(treated((3, "mo")).given) == set()
    assert says(treated((3, "mo"), given=[{"name": HYDROXO, "days_ago": 700}]).given) == set()


def test_after_a_loading_course_known_by_its_doses_the_next_is_due_at_the_drugs_longest_interval() -> None:
    def after(days: int) -> set[str]:
        doses = [{"name": HYDROXO, "days_ago": days + n} for n in (0, 2, 5, 7, 9, 12)]
        return says(decided("uk-ng239", conditions=PERNICIOUS, given=doses).given)

    assert after(104) == set()
    assert after(105) == {"overdue"}


def test_two_treatments_side_by_side_are_both_named() -> None:
    found = treated((3, "mo"), medicines=[{"name": TABLETS, "months": 3}])

    assert len(found.given.parallel) == 2
    assert found.unstable
    assert not treated((3, "mo"), medicines=[{"name": HYDROXO, "months": 3}]).given.parallel


@pytest.mark.parametrize(
    ("every", "room"), [((3, "mo"), True), ((68, "d"), True), ((2, "mo"), False), ((6, "mo"), False)]
)
def test_an_interval_can_be_shortened_only_where_there_is_room(every: tuple[int, str], room: bool) -> None:
    found = treated(every)
    (course,) = found.evidence.therapy.active

    assert may_be_shorter(found.protocol, course, found.assessment.mechanism) is room
