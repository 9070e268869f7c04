"""Doses and days of an order at their edges: what no shipped regimen needs, and a site's may."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from service.domain.orders import every_days, in_product, schedule
from service.domain.protocol import Amount, Protocol, Step, Timing
from service.domain.recommend import Option
from service.domain.terms import PhaseName, Route
from service.knowledge.load import load

BOOK = load().book
UK = BOOK.protocols["uk-ng239"]
TODAY = date(2026, 1, 31)
INJECTED = next(c.regimen for c in UK.table["autoimmune-gastritis"].choices)
STEP = INJECTED.steps[0]


def dated(*steps: Step, protocol: Protocol = UK):
    drugs = tuple((INJECTED.drug, Route.INTRAMUSCULAR) for _ in steps)
    found = schedule(
        Option(INJECTED, Route.INTRAMUSCULAR, steps, drugs, recommended=True), protocol, TODAY, pregnant=False
    )
    assert found is not None
    return found


def step(**changes: object) -> Step:
    return replace(STEP, **({"begins_if": None, "ends_when": None, "review_weeks": None} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unit", "days"), [("h", Decimal(1) / 24), ("d", 1), ("wk", 7), ("mo", 30), ("a", 365), ("min", None)]
)
def test_an_interval_is_so_many_days(unit: str, days: Decimal | None) -> None:
    assert every_days(1, Decimal(1), unit) == days
    assert every_days(2, Decimal(1), unit) == (None if days is None else days / 2)
    assert every_days(0, Decimal(1), unit) is None


@pytest.mark.parametrize(("unit", "micrograms"), [("ug", 1), ("mg", 1000), ("g", 1000000)])
def test_a_dose_is_counted_in_the_product_s_own_unit(unit: str, micrograms: int) -> None:
    tablet = replace(UK.products[0], strength=Amount(Decimal(1), unit), per=Amount(Decimal(2), "mL"))

    assert in_product(Decimal(micrograms), "ug", tablet) == 2
    assert str(in_product(Decimal(10 * micrograms), "ug", tablet)) == "20"
    assert str(in_product(Decimal(micrograms) / 4, "ug", tablet)) == "0.5"


def test_a_dose_of_the_smallest_volume_can_still_be_measured() -> None:
    low = dated(step()).orders[0].low
    smallest, finer = (replace(UK, limits=replace(UK.limits, smallest_volume_ml=low * k)) for k in (1, Decimal("1.01")))

    assert not dated(step(), protocol=smallest).orders[0].immeasurable
    assert dated(step(), protocol=finer).orders[0].immeasurable


def test_a_step_that_waits_for_something_has_no_day_nor_has_what_follows_it() -> None:
    found = dated(step(begins_if="if improving"), step())

    assert (found.orders, found.starts) == ((), (None, None))
    assert found.review > TODAY


def test_what_follows_an_open_step_has_no_day() -> None:
    monthly = step(timing=Timing(1, 1, "mo"))

    assert dated(monthly, monthly).starts == (TODAY, None)


def test_a_dose_that_falls_due_on_the_day_of_the_review_is_in_the_order() -> None:
    months = UK.limits.review_months
    on_the_day, later = (dated(step(timing=Timing(1, n, "mo"))).orders[0] for n in (months, months + 1))

    assert (on_the_day.end, on_the_day.doses) == (dated(step(begins_if="x")).review, 2)
    assert later.doses == 1
    assert later.end > on_the_day.end - timedelta(days=1)


def test_alternate_days_are_counted_by_the_day_and_weeks_by_seven() -> None:
    days, weeks = (dated(step(timing=Timing(1, 2, unit, count=3))).orders[0] for unit in ("d", "wk"))

    assert ((days.end - days.start).days, (weeks.end - weeks.start).days) == (5, 41)


def test_a_course_that_ends_is_reviewed_when_it_ends_and_one_that_does_not_at_the_review() -> None:
    course = dated(step(timing=Timing(1, 2, "wk", count=3)))

    assert course.review == course.orders[-1].end
    assert course.review < dated(step(begins_if="x")).review


TABLET = next(c.regimen for c in UK.table["dietary"].choices if not c.regimen.injected)


@pytest.mark.parametrize(
    ("first", "phase", "unit", "waits"),
    [
        (Route.INTRAMUSCULAR, PhaseName.MAINTENANCE, "mo", True),
        (Route.ORAL, PhaseName.MAINTENANCE, "mo", False),
        (Route.INTRAMUSCULAR, PhaseName.REPLETION, "mo", False),
        (Route.INTRAMUSCULAR, PhaseName.MAINTENANCE, "wk", False),
        (Route.INTRAMUSCULAR, PhaseName.REPLETION, "wk", False),
    ],
)
def test_the_first_dose_of_monthly_maintenance_waits_an_interval_after_injections_alone(
    first: Route, phase: PhaseName, unit: str, waits: bool
) -> None:
    injected = first is Route.INTRAMUSCULAR
    course = Timing(1, 1, "d", count=5)
    before = step(timing=course) if injected else replace(TABLET.steps[0], timing=course, begins_if=None)
    after = step(timing=Timing(1, 3, unit), phase=phase)
    drugs = ((INJECTED.drug if injected else TABLET.drug, first), (INJECTED.drug, Route.INTRAMUSCULAR))
    option = Option(INJECTED, Route.INTRAMUSCULAR, (before, after), drugs, recommended=True)
    found = schedule(option, UK, TODAY, pregnant=False)

    assert found is not None
    assert [order.first_after for order in found.orders] == [None, "3 months" if waits else None]
