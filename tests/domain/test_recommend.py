"""How a plan comes about, where no shipped protocol goes: a site's rows, and words that are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.modifiers import Modifiers
from service.domain.protocol import Choice, Protocol, Regimen, Timing
from service.domain.recommend import NEUROLOGICAL, STAGES, Ground, _steps, none_because, situation_of
from service.domain.situation import Situation
from service.domain.terms import Mechanism, Modifier
from tests.medicine.test_sharp import BOOK, PERNICIOUS, UK, b12, judged, problem, seen

DRUGS = tuple(BOOK.drugs.values())
DIET = Mechanism.DIETARY
INJECTION = next(c.regimen for c in UK.table["autoimmune-gastritis"].choices)
TABLETS = next(c.regimen for c in UK.table["dietary"].choices if not c.regimen.injected)
LEBER = Situation(DIET, modifiers=frozenset({Modifier.LEBER, Modifier.NEUROLOGICAL}))


def with_diet(*choices: Choice) -> Protocol:
    """NG239, which has no one answer to Leber optic neuropathy, with another row for the diet."""
    row = replace(UK.table[DIET.value], choices=choices, none_because=None)
    return replace(UK, table={**UK.table, DIET.value: row})


def without(regimen: Regimen, phase: str) -> Regimen:
    return replace(regimen, steps=tuple(step for step in regimen.steps if step.phase.value != phase))


def test_the_first_cause_alone_says_whether_the_extent_of_a_resection_is_known() -> None:
    assessment = judged(b12("100"), problems=(problem(PERNICIOUS),))
    first = assessment.causes[0]
    unknown = first._replace(cause=replace(first.cause, extent_unknown=True))
    plain = Modifiers({}, (), ())

    for causes, told in (((first, unknown), False), ((unknown, first), True), ((first,), False)):
        found = situation_of(seen(), replace(assessment, causes=causes), plain)
        assert found.extent_unknown is told


def test_where_leber_leaves_nothing_of_the_dietary_row_what_the_choice_itself_says_follows() -> None:
    ground = Ground(with_diet(Choice(TABLETS)), LEBER, DRUGS)
    after = replace(INJECTION, id="after", steps=tuple(replace(s, text="after") for s in INJECTION.steps))
    steps, drugs, words = _steps(ground, NEUROLOGICAL, Choice(INJECTION, then=after))

    assert steps[len(INJECTION.repletion) :] == tuple(
        replace(step, begins_if=_handover(INJECTION)) for step in after.maintenance
    )
    assert {drug for drug, _ in drugs} == {INJECTION.drug}
    assert words is None
    assert _steps(ground, NEUROLOGICAL, Choice(INJECTION))[0] == INJECTION.steps


def _handover(regimen: Regimen) -> str | None:
    last = regimen.repletion[-1]
    return None if last.bounded else next((step.begins_if for step in regimen.maintenance), None)


@pytest.mark.parametrize(
    ("ends", "begins", "handover"), [(True, "if improving", None), (False, "if improving", "if improving")]
)
def test_what_follows_begins_as_the_first_regimen_hands_over_unless_that_ends_by_itself(
    ends: bool, begins: str, handover: str | None
) -> None:
    timing = Timing(1, 2, "d", count=3) if ends else Timing(1, 2, "d")
    steps = tuple(
        replace(step, timing=timing) if step in INJECTION.repletion else replace(step, begins_if=begins)
        for step in INJECTION.steps
    )
    first, after = replace(INJECTION, steps=steps), replace(INJECTION, id="after")
    ground = Ground(UK, Situation(Mechanism.AUTOIMMUNE_GASTRITIS), DRUGS)
    found, _, _ = _steps(ground, "autoimmune-gastritis", Choice(first, then=after))

    assert [step.begins_if for step in found[len(first.repletion) :]] == [handover] * len(after.maintenance)


def test_a_regimen_that_keeps_nothing_full_hands_over_at_once() -> None:
    endless = tuple(replace(step, timing=Timing(1, 2, "d")) for step in INJECTION.repletion)
    first = replace(without(INJECTION, "maintenance"), steps=endless)
    ground = Ground(UK, Situation(Mechanism.AUTOIMMUNE_GASTRITIS), DRUGS)
    found, _, _ = _steps(ground, "autoimmune-gastritis", Choice(first, then=INJECTION))

    assert [step.begins_if for step in found[len(endless) :]] == [None] * len(INJECTION.maintenance)


@pytest.mark.parametrize(
    ("situation", "because"),
    [
        (Situation(DIET, modifiers=frozenset({Modifier.LEBER})), "Leber optic neuropathy: no cyanocobalamin"),
        (Situation(DIET, modifiers=frozenset({Modifier.BLEEDING_RISK})), "bleeding risk leaves no route"),
        (
            Situation(DIET, by_mouth_or_nose=True),
            "already on B12 by mouth or nose, and the protocol has no injection for this cause",
        ),
    ],
)
def test_why_there_is_no_plan_names_what_left_none(situation: Situation, because: str) -> None:
    assert none_because(Ground(with_diet(Choice(TABLETS)), situation, DRUGS), DIET.value) == because


def test_every_stage_says_when_it_applies() -> None:
    assert [stage.says for stage in STAGES] == [
        "only while the extent of the resection is unknown",
        "already on B12 by mouth or nose: only an injection is a change",
        "tablets may not be taken or swallowed reliably: injections first",
        "pregnant or breastfeeding: the dietary dose is too small",
        "forbidden in Leber optic neuropathy",
    ]
