"""One unsigned order: what tells it apart, when it runs beside another, whether it is ours, what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.domain.decision import decide
from service.domain.draft import is_ours, runs_beside
from service.domain.faults import Kind, Remedy, Urgency, other_unit
from service.domain.orders import MICROGRAMS, every_days
from service.domain.pace import Change, days_of
from service.domain.protocol import Timing
from service.domain.recommend import Plan
from service.domain.record import Course, Exposure, Form
from service.evaluate import shipped
from tests.domain.test_checks import CONCEPTS, INJECTED, LOW, drafted, look
from tests.medicine.treated import PERNICIOUS, decided
from tests.vignettes import TODAY

PLAIN = decided("uk-ng239", conditions=PERNICIOUS, labs=LOW)


def running(first: int | None, last: int | None) -> Exposure:
    start, end = (None if day is None else TODAY + timedelta(days=day) for day in (first, last))
    return Exposure(CONCEPTS["hydroxocobalamin"], "MedicationRequest/r", Course.ACTIVE, Form.INJECTION, start, end)


@pytest.mark.parametrize(
    ("order", "beside"),
    [
        ((None, None), True),
        ((29, None), True),
        ((30, None), True),
        ((31, None), False),
        ((-9, -1), False),
        ((-9, 0), True),
        ((None, -1), False),
    ],
)
def test_an_order_runs_beside_a_draft_while_they_share_a_day(
    order: tuple[int | None, int | None], beside: bool
) -> None:
    assert runs_beside(running(*order), drafted(lasts=30, **INJECTED).medicines[0], TODAY) is beside


def test_what_is_ordered_is_told_apart_medicine_by_medicine() -> None:
    one, other = drafted(dose=1000, **INJECTED), drafted("cyanocobalamin", form=Form.ORAL, every=1)
    both = replace(one, medicines=one.medicines + other.medicines)

    assert both.content == f"{one.content}|{replace(other, route=one.route).content}"
    assert both.content != replace(both, medicines=both.medicines[::-1]).content


@pytest.mark.parametrize(("share", "ours"), [("0.5", False), ("0.999", False), ("1", True), ("1.001", False)])
def test_ours_is_a_draft_of_the_dose_that_is_proposed(share: str, ours: bool) -> None:
    (_, dated), *_ = PLAIN.schedules
    order = dated.orders[0]
    dose = order.step.low * MICROGRAMS[order.step.unit] * Decimal(share)
    timing = order.step.timing
    same = {
        "every": every_days(timing.frequency, Decimal(timing.period), timing.unit),
        "lasts": order.days - 1,
        "dose": dose,
    }

    assert is_ours(drafted(order.drug, form=Form.INJECTION, route=order.route, **same), PLAIN) is ours


def test_a_draft_that_must_not_be_signed_makes_way_for_the_plan_where_there_is_one() -> None:
    order = drafted(**INJECTED)

    assert look(PLAIN, order).otherwise() is Remedy.REPLACE
    assert look(PLAIN._replace(schedules=()), order).otherwise() is Remedy.REMOVE


@pytest.mark.parametrize(
    ("dosages", "remedy", "found"),
    [
        (1, Remedy.CHANGE, Remedy.CHANGE),
        (2, Remedy.CHANGE, Remedy.REPLACE),
        (3, Remedy.CHANGE, Remedy.REPLACE),
        (2, Remedy.TEST, Remedy.TEST),
        (2, Remedy.REMOVE, Remedy.REMOVE),
    ],
)
def test_an_order_of_several_dosages_is_not_changed_in_part(dosages: int, remedy: Remedy, found: Remedy) -> None:
    change = Change(unit="mg")
    finding = look(PLAIN, drafted(dosages=dosages, **INJECTED)).found(Kind.DOSE, Urgency.WARNING, remedy, change=change)

    assert (finding.remedy, finding.change) == (found, change if found is remedy else None)


@pytest.mark.parametrize(
    ("unit", "dose", "meant"),
    [
        ("mg", 1000, None),
        ("ug", "0.03", "mg"),
        ("ug", "1", "mg"),
        ("ug", "1.1", None),
        ("ug", "0.02", None),
        (None, 1, None),
    ],
)
def test_a_number_that_is_printed_in_the_other_unit_was_meant_in_it(unit: str | None, dose: Any, meant: Any) -> None:
    order = replace(drafted(dose=dose, **INJECTED), unit=unit)

    assert other_unit(order, order.medicines[0], shipped().book) == meant


def test_an_interval_in_a_unit_that_is_not_used_is_none() -> None:
    assert days_of(Timing(1, 1, "s")) == 0
    assert days_of(Timing(2, 1, "wk")) == Decimal("3.5")


def test_where_no_product_gives_any_dose_the_plan_is_empty_and_says_so() -> None:
    evidence = PLAIN.evidence
    bare = replace(PLAIN.protocol, products=())
    found = decide(evidence.record, bare, shipped().book, evidence.today)

    assert found.schedules == ()
    assert found.plan == Plan(
        (), "no product on the protocol's list can give the dose", PLAIN.plan.duration, PLAIN.plan.row
    )
