"""How often a drafted injection may be given, to the day, and of whom that is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.domain.decision import Decision
from service.domain.draft import Drafts, Stage
from service.domain.pace import Change, too_often, usual_change, without_end
from service.domain.record import Concept
from service.domain.review import review
from service.domain.terms import Role, Status
from service.evaluate import shipped
from tests.domain.test_checks import INJECTED, LOW, drafted
from tests.medicine.treated import HYDROXO, PERNICIOUS, TABLETS, decided, lab, on

METHYL = Concept("methylcobalamin", "methylcobalamin", frozenset({Role.COBALAMIN}))


def on_injections(days: int = 600, **facts: Any) -> Decision:
    return decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, days, (3, "mo")), **facts)


def pace(decision: Decision, every: int, **more: Any) -> Change | None:
    return too_often(decision, drafted(**INJECTED | {"every": every} | more))


def usual(decision: Decision) -> Change:
    lines = decision.protocol.intervals
    return usual_change(next(i for i in lines if i.drug == "hydroxocobalamin" and i.mechanism is None))


@pytest.mark.parametrize(("every", "kept"), [(52, False), (53, True), (54, True)])
def test_who_is_treated_gets_injections_no_closer_than_usual_within_the_tolerance(every: int, kept: bool) -> None:
    treated = on_injections()

    assert pace(treated, every) == (None if kept else usual(treated))


@pytest.mark.parametrize(("days", "kept"), [(55, True), (56, False)])
def test_in_the_first_eight_weeks_they_may_be_closer(days: int, kept: bool) -> None:
    treated = on_injections(days)

    assert pace(treated, 7) == (None if kept else usual(treated))


def test_with_neurology_they_go_on_as_they_are() -> None:
    treated = on_injections(neuro=True)
    assert treated.assessment.status is Status.ON_TREATMENT

    assert pace(treated, 7) is None


def test_who_is_not_well_on_tablets_is_not_held_to_what_keeps_full_stores_full() -> None:
    failing = decided(
        "uk-ng239", conditions=PERNICIOUS, on_b12=on(TABLETS, 600, (1, "d")), labs=[lab("b12", 90, "ng/L", 5)]
    )
    assert failing.assessment.status is not Status.ON_TREATMENT

    assert pace(failing, 30) is None


def test_of_a_treatment_whose_beginning_is_not_known_or_a_drug_of_no_usual_interval_nothing_is_said() -> None:
    treated = on_injections()
    therapy = treated.evidence.therapy
    undated = tuple(course._replace(start=None) for course in therapy.active)
    unknown = treated._replace(evidence=treated.evidence._replace(therapy=replace(therapy, active=undated)))

    assert pace(unknown, 7) is None
    assert pace(treated, 7, concept=METHYL) is None


def test_a_course_without_an_end_is_no_matter_where_the_plan_has_none_either() -> None:
    nerves = decided("uk-ng239", conditions=PERNICIOUS, labs=LOW, neuro=True)
    (_, dated), *_ = nerves.schedules
    assert not dated.orders[0].step.bounded

    assert without_end(nerves, drafted(**INJECTED | {"every": 1})) is None


def test_a_plan_of_which_every_step_ends_makes_no_draft_end() -> None:
    plain = decided("uk-ng239", conditions=PERNICIOUS, labs=LOW)
    (option, dated), *_ = plain.schedules
    first = option.regimen.steps[0]
    assert first.bounded
    ending = replace(option, regimen=replace(option.regimen, steps=(first,)), steps=(first,))
    assert without_end(plain, drafted(**INJECTED | {"every": 2})) is not None

    assert without_end(plain._replace(schedules=((ending, dated),)), drafted(**INJECTED | {"every": 2})) is None


def test_a_draft_whose_words_say_that_it_is_an_antidote_is_let_through() -> None:
    plain = decided("uk-ng239", conditions=PERNICIOUS, labs=LOW)
    draft = drafted(form=INJECTED["form"], route=INJECTED["route"], every=1)
    against = replace(draft, medicines=(draft.medicines[0]._replace(as_antidote=True),))

    def matters(order: Any) -> Any:
        return review(plain, Drafts((order,)), shipped().book, Stage.SIGN)

    assert matters(draft)
    assert matters(against) == ()
