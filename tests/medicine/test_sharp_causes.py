"""Causes and hazards at their edges: how sure, since when, whether still there, and what nobody can judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.attribute import attribute
from service.domain.cause import Attribution
from service.domain.modifiers import Modifiers, modifiers
from service.domain.record import Concept, Course, Exposure, Finding, Flag, Form, Unreadable
from service.domain.results import newest
from service.domain.terms import Analyte, Certainty, Duration, Mechanism, Modifier, Role

from .test_sharp import BOOK, MMA, PERNICIOUS, TODAY, UK, ago, b12, judged, problem, result, seen

LASTING = next(c for c in BOOK.causes.values() if c.duration is Duration.LIFELONG and not c.ingredients)
PASSING = next(c for c in BOOK.causes.values() if c.duration is not Duration.LIFELONG and not c.ingredients)
SLOW, QUICK = (
    next(i for c in BOOK.causes.values() for i in c.ingredients if (i.longer_than_months is None) is quick)
    for quick in (False, True)
)


def coded(cause: str, name: str = "c") -> Concept:
    return Concept(name, name, cause=cause)


def found(**record: Any) -> list[Attribution]:
    return list(attribute(seen(**record), BOOK.causes).found)


def order(name: str, started: int | None, *, ended: int | None = None, course: Course = Course.ACTIVE) -> Exposure:
    start = None if started is None else TODAY - timedelta(days=started)
    end = None if ended is None else TODAY - timedelta(days=ended)
    return Exposure(Concept(name, name), f"MedicationRequest/{name}", course, Form.ORAL, start, end)


def test_a_cause_for_life_outlasts_its_remission_and_another_does_not() -> None:
    assert found(problems=(problem(coded(LASTING.id), active=False, remission=True),))
    assert not found(problems=(problem(coded(LASTING.id), active=False),))
    assert not found(problems=(problem(coded(PASSING.id), active=False, remission=True),))


def test_a_cause_that_is_not_certain_is_possible() -> None:
    unsure = problem(PERNICIOUS)._replace(certain=False)

    assert [a.certainty for a in found(problems=(problem(PERNICIOUS),))] == [Certainty.ESTABLISHED]
    assert [a.certainty for a in found(problems=(unsure,))] == [Certainty.POSSIBLE]


@pytest.mark.parametrize(("days", "done"), [(0, True), (1, True), (-1, False), (None, True)])
def test_an_operation_that_is_only_planned_causes_nothing(days: int | None, done: bool) -> None:
    operation = Finding(coded(LASTING.id), "Procedure/p", None if days is None else ago(days))
    other = Finding(Concept("x", "x"), "Procedure/x", ago(9))

    assert bool(found(procedures=(other, operation))) is done


def test_gas_that_is_named_and_not_said_to_be_misused_is_a_possible_cause() -> None:
    named = Concept("gas", "the gas", frozenset({Role.NITROUS_OXIDE_NAMED}))
    (cause,) = found(problems=(problem(named), problem(Concept("x", "x"))))

    assert (cause.certainty, cause.basis, cause.why) == (Certainty.POSSIBLE, ("Condition/gas",), ("the gas",))
    assert cause.cause is BOOK.causes["nitrous-oxide"]


def test_a_slow_medicine_is_not_blamed_without_a_start_and_a_quick_one_is_while_it_is_taken() -> None:
    quick = order(QUICK.concept, None)
    over = quick._replace(course=Course.ENDED, resource="MedicationRequest/over")

    assert [p.why for p in attribute(seen(exposures=(order(SLOW.concept, None),)), BOOK.causes).named] == [
        "since when is not on record"
    ]
    assert [a.basis for a in found(exposures=(quick, over))] == [(quick.resource,)]
    assert [a.since for a in found(exposures=(quick, over))] == [()]
    assert [a.basis for a in found(exposures=(quick,))] == [(quick.resource,)]
    assert not found(exposures=(over,))
    assert [p.why for p in attribute(seen(exposures=(over,)), BOOK.causes).named] == ["since when is not on record"]


@pytest.mark.parametrize("taken", [{"course": Course.DRAFT}, {"systemic": False}], ids=["only drafted", "on the skin"])
def test_a_medicine_that_does_not_reach_the_body_is_neither_blamed_nor_named(taken: dict[str, Any]) -> None:
    causes = attribute(seen(exposures=(order(SLOW.concept, 3000)._replace(**taken),)), BOOK.causes)

    assert (causes.found, causes.named) == ((), ())


@pytest.mark.parametrize(
    ("course", "ended", "why"),
    [
        (Course.ACTIVE, None, ""),
        (Course.ACTIVE, 30, ", ended 2026-03-01"),
        (Course.ENDED, 0, ", ended 2026-03-31"),
    ],
)
def test_a_blamed_medicine_is_told_with_its_end_unless_it_is_taken_today(
    course: Course, ended: int | None, why: str
) -> None:
    (cause,) = found(exposures=(order(SLOW.concept, 3000, ended=ended, course=course),))

    assert cause.why == (f"{SLOW.concept}{why}",)


def test_of_an_order_that_is_over_and_says_no_end_only_the_beginning_is_known() -> None:
    (named,) = attribute(seen(exposures=(order(SLOW.concept, 3000, course=Course.ENDED),)), BOOK.causes).named

    assert named.why == f"ended {(TODAY - timedelta(days=3000)).isoformat()}"


def test_one_cause_is_as_sure_as_its_surest_reason_and_rests_on_all() -> None:
    unsure = problem(PERNICIOUS)._replace(certain=False)
    parietal = result(Analyte.PARIETAL_CELL_ANTIBODY, None, positive=True)
    gastrin = result(Analyte.GASTRIN, None, flag=Flag.HIGH)
    for results in ((parietal, gastrin), (gastrin, parietal)):
        (cause,) = attribute(seen(*results, problems=(unsure,)), BOOK.causes).found
        assert cause.certainty is Certainty.PROBABLE
        assert cause.basis == ("Condition/pa", gastrin.resource, parietal.resource)


def test_two_medicines_of_one_cause_are_both_told_with_their_beginnings() -> None:
    slow = [i for c in BOOK.causes.values() for i in c.ingredients if i.longer_than_months is not None][:2]
    orders = tuple(order(each.concept, 3000 + nth) for nth, each in enumerate(slow))
    (cause,) = found(exposures=orders)

    assert cause.since == tuple(sorted((e.concept.title, e.start) for e in orders))


@pytest.mark.parametrize(
    ("vague_rank", "specific_rank", "resources", "kept"),
    [
        (3, 3, ("Condition/v", "Condition/s"), ["specific"]),
        (4, 3, ("Condition/v", "Condition/s"), ["specific"]),
        # With a less demanding plan it explains the vaguer one only where both are said by the same resource.
        (3, 4, ("Condition/v", "Condition/s"), ["vague", "specific"]),
        (3, 4, ("Condition/v", "Condition/v"), ["specific"]),
    ],
)
def test_a_vaguer_cause_gives_way_to_one_that_explains_it(
    vague_rank: int, specific_rank: int, resources: tuple[str, str], kept: list[str]
) -> None:
    ranks = list(Mechanism)
    vague = replace(LASTING, id="vague", mechanism=ranks[vague_rank], replaces=frozenset())
    specific = replace(LASTING, id="specific", mechanism=ranks[specific_rank], replaces=frozenset({"vague"}))
    problems = tuple(
        problem(coded(cause.id, cause.id))._replace(resource=name)
        for cause, name in zip((vague, specific), resources, strict=True)
    )
    causes = {**BOOK.causes, "vague": vague, "specific": specific}

    assert [a.cause.id for a in attribute(seen(problems=problems), causes).found] == kept


def test_a_medicine_begun_today_counts_from_today() -> None:
    assert [a.basis for a in found(exposures=(order(QUICK.concept, 0),))] == [(f"MedicationRequest/{QUICK.concept}",)]
    (named,) = attribute(seen(exposures=(order(SLOW.concept, 0),)), BOOK.causes).named
    assert named.why == f"since {TODAY.isoformat()}"


def has(*results: Any, **record: Any) -> Modifiers:
    return modifiers(seen(*results, **record), judged(*results, **record))


def role(which: Role) -> Concept:
    return Concept(which.value, which.value, frozenset({which}))


@pytest.mark.parametrize(
    ("which", "modifier"),
    [
        (Role.SWALLOWING, Modifier.SWALLOWING),
        (Role.ADHERENCE, Modifier.ADHERENCE),
        (Role.BLEEDING, Modifier.BLEEDING_RISK),
        (Role.POLYCYTHAEMIA, Modifier.POLYCYTHAEMIA_VERA),
    ],
)
def test_a_coded_modifier_rests_on_its_own_code_alone(which: Role, modifier: Modifier) -> None:
    given = has(problems=(problem(role(which)), problem(Concept("x", "x"))))

    assert given.present.get(modifier) == (f"Condition/{which.value}",)


def test_an_anticoagulant_may_be_coded_as_a_problem() -> None:
    assert has(problems=(problem(role(Role.ANTICOAGULANT)),)).anticoagulated == (
        "Condition/" + Role.ANTICOAGULANT.value,
    )
    assert has(problems=(problem(Concept("x", "x")),)).anticoagulated == ()


@pytest.mark.parametrize(
    ("started", "ended", "course", "runs"),
    [
        (0, None, Course.ACTIVE, True),
        (-1, None, Course.ACTIVE, False),
        (None, None, Course.ACTIVE, True),
        (9, 0, Course.ACTIVE, True),
        (9, 1, Course.ACTIVE, False),
        (9, None, Course.DRAFT, False),
    ],
)
def test_a_medicine_acts_from_its_first_day_to_its_last(
    started: int | None, ended: int | None, course: Course, runs: bool
) -> None:
    for which, of in ((Role.CONTRACEPTIVE, "contraceptive"), (Role.FOLIC_ACID, "folic_acid")):
        taken = order("m", started, ended=ended, course=course)._replace(concept=role(which))
        assert bool(getattr(has(exposures=(taken,)), of)) is runs


@pytest.mark.parametrize(
    ("unread", "matters"),
    [
        (Unreadable("Observation/u", "why", Analyte.INR, hazard=True, when=ago(5)), True),
        (Unreadable("Observation/u", "why", Analyte.INR, hazard=True, when=ago(UK.limits.inr_days)), True),
        (Unreadable("Observation/u", "why", Analyte.INR, hazard=True, when=ago(UK.limits.inr_days + 1)), False),
        (Unreadable("Observation/u", "why", Analyte.INR, hazard=True, when=ago(0)), True),
        (Unreadable("Observation/u", "why", Analyte.INR, hazard=True, when=ago(-1)), False),
        (Unreadable("Observation/u", "why", Analyte.INR, hazard=True), True),
        (Unreadable("AllergyIntolerance/u", "why", hazard=True, when=ago(5000)), True),
        (Unreadable("Observation/u", "why", Analyte.INR, when=ago(5)), False),
    ],
)
def test_a_hazard_that_cannot_be_read_is_unjudged_while_it_would_count(unread: Unreadable, matters: bool) -> None:
    assert has(unreadable=(unread,)).unjudged == ((unread.resource,) if matters else ())


def test_an_inr_that_cannot_be_placed_is_unjudged_and_of_one_day_the_highest_counts() -> None:
    vague = result(Analyte.INR, "2", "1", comparator=">")
    low, high = result(Analyte.INR, "1.1", "1", name="a"), result(Analyte.INR, "6", "1", name="b")

    assert has(vague).unjudged == (vague.resource,)
    assert has(low, high).present[Modifier.BLEEDING_RISK] == (high.resource,)


def test_where_no_result_of_a_day_has_a_value_the_first_is_the_newest() -> None:
    one, other = (result(MMA, None, name=name, flag=Flag.HIGH) for name in "ab")

    assert newest((one, other)) is one


def test_a_patient_out_of_scope_has_no_modifiers() -> None:
    given = has(b12("120"), birth=ago(365), problems=(problem(role(Role.BLEEDING)),))

    assert given == Modifiers({}, (), (), (), (), ())
