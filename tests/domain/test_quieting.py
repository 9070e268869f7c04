"""When a card that a clinician answered speaks again: after its time, to another reader, or for what is new."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.protocol import Band
from service.domain.quiet_rules import Quieting
from service.domain.quieting import Answer, Standing, judge, standing
from service.domain.record import Concept, Course, Exposure, Form
from service.domain.terms import Analyte
from service.knowledge.load import load
from tests.medicine.treated import PERNICIOUS, decided, lab

THEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DOCTOR, COLLEAGUE = "doctor", "colleague"
LOW = Standing(band=Band.LOW, plan="tablets", marks=frozenset({"b12-1"}))


@pytest.fixture(scope="module")
def table() -> Quieting:
    return load().book.quieting


def answer(reason: str | None = None, **changes: object) -> Answer:
    given = Answer(at=THEN, accepted=False, then=LOW, system=None, reason=reason, user=DOCTOR)
    return replace(given, **changes)  # type: ignore[arg-type]


def speaks(
    table: Quieting, *answers: Answer, days: float = 0.1, now: Standing = LOW, user: str | None = DOCTOR
) -> tuple[bool, str]:
    verdict = judge([(each, now) for each in answers], THEN + timedelta(days=days), user, table)
    return verdict.speaks, verdict.because


def test_a_card_that_nobody_answered_speaks(table: Quieting) -> None:
    assert speaks(table) == (True, "nobody answered")


@pytest.mark.parametrize(
    ("reason", "quiet_for"),
    [
        ("patient-refuses", 365),
        ("patient-contraindication", 365),
        ("need-more-info", 90),
        ("action-completed", 30),
        ("limited-time", 1),
        (None, 1),
    ],
)
def test_an_override_quiets_the_card_for_the_time_of_its_reason(
    table: Quieting, reason: str | None, quiet_for: int
) -> None:
    assert speaks(table, answer(reason), days=quiet_for - 0.1) == (False, reason or "overridden")
    assert speaks(table, answer(reason), days=quiet_for) == (True, "its time is over")


def test_every_reason_of_the_table_quiets_its_own_reader_for_all_of_its_days_and_no_longer(table: Quieting) -> None:
    for reason, rule in table.reasons.items():
        assert speaks(table, answer(reason), days=rule.days - 0.01)[0] is False, reason
        assert speaks(table, answer(reason), days=rule.days)[0] is True, reason


def test_an_accepted_suggestion_quiets_the_card_until_its_order_can_be_on_record(table: Quieting) -> None:
    taken = answer(accepted=True)

    assert speaks(table, taken, days=13) == (False, "accepted")
    assert speaks(table, taken, days=14) == (True, "its time is over")


def test_more_information_is_waited_for_until_a_new_result_is_there(table: Quieting) -> None:
    waiting = answer("need-more-info")
    with_mma = replace(LOW, marks=LOW.marks | {"mma-1"})

    assert speaks(table, waiting, days=20) == (False, "need-more-info")
    assert speaks(table, waiting, days=20, now=with_mma) == (True, "a new result")
    assert speaks(table, answer("patient-refuses"), days=20, now=with_mma)[0] is False


def test_a_result_that_is_gone_is_no_new_result(table: Quieting) -> None:
    assert speaks(table, answer("need-more-info"), now=replace(LOW, marks=frozenset()))[0] is False


def test_what_was_refused_was_that_plan_and_another_plan_may_be_offered(table: Quieting) -> None:
    injections = replace(LOW, plan="injections")

    assert speaks(table, answer("patient-refuses"), days=20, now=injections) == (True, "another plan")
    assert speaks(table, answer("patient-refuses"), days=20, now=replace(LOW, plan=None))[0] is False


@pytest.mark.parametrize(
    ("now", "because"),
    [
        (replace(LOW, pressing=frozenset({"neurological"})), "new: neurological"),
        (replace(LOW, pressing=frozenset({"severe-anaemia"})), "new: severe-anaemia"),
        (replace(LOW, hazards=frozenset({"draft"})), "an order that is not safe"),
    ],
)
def test_a_new_finding_that_raises_severity_always_speaks(table: Quieting, now: Standing, because: str) -> None:
    answers = [answer(reason) for reason in table.reasons] + [answer(), answer(accepted=True)]

    assert {speaks(table, each, now=now) for each in answers} == {(True, because)}


@pytest.mark.parametrize(
    ("then", "now", "again"),
    [
        (Band.INDETERMINATE, Band.LOW, True),
        (None, Band.LOW, True),
        (None, Band.INDETERMINATE, True),
        (Band.LOW, Band.INDETERMINATE, False),
        (Band.LOW, Band.LOW, False),
        (Band.LOW, None, False),
        (None, Band.UNLIKELY, False),
    ],
)
def test_a_lower_band_speaks_again_and_a_higher_one_does_not(
    table: Quieting, then: Band | None, now: Band | None, again: bool
) -> None:
    refused = answer("patient-refuses", then=replace(LOW, band=then))

    assert speaks(table, refused, now=replace(LOW, band=now))[0] is again


def test_neurology_that_was_known_when_the_card_was_answered_does_not_speak_again(table: Quieting) -> None:
    pressing = replace(LOW, pressing=frozenset({"neurological"}))

    assert speaks(table, answer("patient-refuses", then=pressing), now=pressing)[0] is False
    assert speaks(table, answer("patient-refuses", then=pressing), now=LOW)[0] is False


def test_a_reader_without_time_quiets_the_card_for_nobody_else(table: Quieting) -> None:
    assert speaks(table, answer("limited-time"), user=COLLEAGUE) == (True, "nobody answered")
    assert speaks(table, answer("limited-time"), user=None)[0] is True
    assert speaks(table, answer("patient-refuses"), user=COLLEAGUE)[0] is False


def test_the_newest_answer_decides(table: Quieting) -> None:
    refused = answer("patient-refuses")
    no_time = answer("limited-time", at=THEN + timedelta(days=10))
    taken = answer(accepted=True, at=THEN + timedelta(days=10))

    # A patient who agreed after all is not held to the refusal when the order never came.
    assert speaks(table, refused, taken, days=11) == (False, "accepted")
    assert speaks(table, taken, refused, days=25) == (True, "its time is over")
    # What a colleague had no time for says nothing about the refusal.
    assert speaks(table, refused, no_time, days=20, user=COLLEAGUE) == (False, "patient-refuses")


def test_a_reason_of_another_code_system_is_no_reason_of_the_table(table: Quieting) -> None:
    assert speaks(table, answer("patient-refuses", system="https://ehr.example/reasons"), days=2)[0] is True
    assert speaks(table, answer("patient-refuses", system=table.system), days=2)[0] is False
    assert speaks(table, answer("of-our-own", system=table.system), days=0.5)[0] is False


def test_what_stands_is_what_presses_the_band_the_plan_the_unsafe_orders_and_the_results(table: Quieting) -> None:
    labs = [lab("b12", 110, "ng/L", 5), lab("hb", 60, "g/L", 3), lab("mma", 0.9, "umol/L", 400)]
    decision = decided("uk-ng239", conditions=PERNICIOUS, labs=labs, neuro=True)
    b12 = [r for r in decision.evidence.record.results if r.analyte in table.results]
    tablet = Exposure(Concept("cyanocobalamin", "x"), "MedicationRequest/t", Course.DRAFT, Form.ORAL, None, None)
    found = standing(decision._replace(unsafe=(tablet,)), table)

    assert {r.analyte for r in b12} == {Analyte.B12, Analyte.MMA}
    assert found == Standing(
        pressing=frozenset({"neurological", "severe-anaemia"}),
        band=Band.LOW,
        hazards=frozenset({"draft|MedicationRequest/t|cyanocobalamin"}),
        plan=decision.schedules[0][0].regimen.id,
        marks=frozenset(f"{r.resource}|{r.taken.earliest}|{r.shown}" for r in b12),
    )
    assert standing(decided("uk-ng239"), table) == Standing()


def test_the_recommended_plan_is_the_one_that_stands(table: Quieting) -> None:
    decision = decided("us-aafp", diet="vegan", labs=[lab("b12", 110, "ng/L", 5)])
    (first, dated), *others = decision.schedules
    assert others

    swapped = decision._replace(schedules=(*others, (first, dated)))
    assert standing(swapped, table).plan == first.regimen.id


def test_what_is_new_is_named_and_a_lower_band_is_one(table: Quieting) -> None:
    both = replace(LOW, pressing=frozenset({"severe-anaemia", "neurological"}))
    accepted = answer("patient-refuses")
    between = answer("patient-refuses", then=replace(LOW, band=Band.INDETERMINATE))

    assert speaks(table, accepted, now=both) == (True, "new: neurological, severe-anaemia")
    assert speaks(table, between) == (True, "a lower band")
