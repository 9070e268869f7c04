"""What a stable patient may be offered, to the day, to the product and to the cause that is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.domain.decision import decide
from service.domain.offers import Offer
from service.domain.protocol import Protocol
from service.domain.record import Concept, Course, Exposure, Form, Problem, Result, When, months_before, record_of
from service.domain.terms import Analyte, Mechanism, Role
from tests.medicine.test_sharp import ADULT, BOOK, PREGNANT, TODAY, ago, problem, result

AAFP, LABEL = BOOK.protocols["us-aafp"], BOOK.protocols["us-label"]
WEEKS = 7 * AAFP.limits.treated_weeks
NO_PRODUCT = "no product on the protocol's list can give the dose"
DIET, METABOLIC = (
    next(cause.id for cause in BOOK.causes.values() if cause.mechanism is mechanism)
    for mechanism in (Mechanism.DIETARY, Mechanism.TRANSPORT_METABOLIC)
)
MEDICINES = sorted({i.concept for cause in BOOK.causes.values() for i in cause.ingredients})
BREASTFEEDING = Concept("breastfeeding", "breastfeeding", frozenset({Role.BREASTFEEDING}))
BROKEN_LEG = Concept("fracture", "broken leg")


def injections(days_ago: int = 900, drug: str = "cyanocobalamin", **more: Any) -> Exposure:
    b12 = Concept(drug, drug, frozenset({Role.COBALAMIN}))
    start = TODAY - timedelta(days=days_ago)
    made = Exposure(b12, "MedicationRequest/m", Course.ACTIVE, Form.INJECTION, start, None, Decimal(30))
    return made._replace(**more)


def medicine(concept: str, begun: int, ended: int | None = None) -> Exposure:
    start, end = (None if day is None else TODAY - timedelta(days=day) for day in (begun, ended))
    course = Course.ACTIVE if ended is None else Course.ENDED
    return Exposure(Concept(concept, concept), f"MedicationRequest/{concept}", course, Form.ORAL, start, end)


def ended(concept: Concept, day: date, **more: Any) -> Problem:
    return problem(concept, ago(1500), active=False)._replace(ended=When(day, day), **more)


def offered(
    *results: Result,
    exposures: tuple[Exposure, ...] = (injections(),),
    problems: tuple[Problem, ...] = (),
    protocol: Protocol = AAFP,
) -> dict[str, Offer]:
    record = record_of(results, birth=ADULT, exposures=exposures, problems=problems)
    return {offer.kind.value: offer for offer in decide(record, protocol, BOOK, TODAY).offers}


@pytest.mark.parametrize(("days", "stable"), [(WEEKS - 1, False), (WEEKS, True), (WEEKS + 1, True)])
def test_the_stores_are_full_after_as_many_weeks_as_the_protocol_says(days: int, stable: bool) -> None:
    assert bool(offered(exposures=(injections(days),))) is stable


@pytest.mark.parametrize(("value", "stable"), [("90", False), ("140", True)])
def test_an_early_count_that_was_low_is_not_stable_though_it_had_no_time_to_rise(value: str, stable: bool) -> None:
    early = result(Analyte.HAEMOGLOBIN, value, "g/L", days=WEEKS)

    assert bool(offered(early, exposures=(injections(WEEKS + 3),))) is stable


def test_a_draft_on_record_is_dealt_with_before_anything_is_offered() -> None:
    drafted = injections(0, resource="MedicationRequest/d", course=Course.DRAFT)

    assert offered()
    assert offered(exposures=(injections(), drafted)) == {}


def test_with_a_metabolic_cause_injections_stay() -> None:
    metabolic = problem(Concept("cblc", "cobalamin C", cause=METABOLIC), ago(900))

    assert offered(problems=(metabolic,)) == {}


def test_where_no_product_gives_the_dose_the_move_is_refused_and_says_so() -> None:
    injected = tuple(product for product in AAFP.products if any(route.injected for route in product.routes))

    assert offered(protocol=replace(AAFP, products=injected)) == {
        "tablets": Offer(offered()["tablets"].kind, refused=NO_PRODUCT)
    }


def test_what_is_offered_is_not_recommended_and_begins_at_once() -> None:
    option = offered()["tablets"].option

    assert option is not None
    assert not option.recommended
    assert [step.begins_if for step in option.steps] == [None] * len(option.steps)


@pytest.mark.parametrize(("other", "remission"), [("105", False), ("92", True)])
def test_of_two_cell_volumes_of_a_day_the_larger_tells_of_remission(other: str, remission: bool) -> None:
    counts = (
        result(Analyte.HAEMOGLOBIN, "140", "g/L", days=WEEKS),
        *(result(Analyte.MCV, value, "fL", days=WEEKS, name=value) for value in ("90", other)),
    )
    begun = (injections(WEEKS + 3),)

    assert ("nasal" in offered(*counts, exposures=begun, protocol=LABEL)) is remission


OLDEST = months_before(TODAY - timedelta(days=900), AAFP.limits.exposure_ended_months)


@pytest.mark.parametrize(
    ("day", "over"),
    [(OLDEST, True), (OLDEST - timedelta(days=1), False), (TODAY, True), (TODAY + timedelta(days=1), False)],
)
def test_a_cause_that_ended_shortly_before_treatment_or_since_is_over(day: date, over: bool) -> None:
    pregnancy = ended(PREGNANT, day)

    assert ("stop" in offered(problems=(pregnancy,))) is over


def test_a_problem_that_is_over_and_no_cause_ends_nothing() -> None:
    assert "stop" not in offered(problems=(ended(BROKEN_LEG, ago(30).earliest),))


@pytest.mark.parametrize("still", [PREGNANT, BREASTFEEDING])
def test_nobody_who_is_pregnant_or_breastfeeding_is_offered_an_end(still: Concept) -> None:
    over = ended(Concept("diet", "vegan diet", cause=DIET), ago(30).earliest)

    assert "stop" in offered(problems=(over,))
    assert "stop" not in offered(problems=(over, problem(still, ago(20))))


@pytest.mark.parametrize("concept", MEDICINES)
def test_a_medicine_that_is_over_may_have_been_the_cause_and_one_that_is_taken_is_not_over(concept: str) -> None:
    over, taken = medicine(concept, 1500, 60), medicine(concept, 60)

    assert "stop" in offered(exposures=(injections(), over))
    assert "stop" not in offered(exposures=(injections(), taken))
