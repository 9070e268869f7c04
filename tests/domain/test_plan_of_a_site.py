"""What a plan does where no shipped protocol goes: a site that keeps no injection, two forbidden drugs, other swaps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.decision import decide
from service.domain.protocol import Choice, Protocol
from service.domain.recommend import Need, Plan, choose, recommend
from service.domain.record import Course, Exposure, Form, Unreadable, record_of
from service.domain.situation import Situation
from service.domain.terms import Analyte, Mechanism, Modifier
from tests.medicine.test_sharp import ADULT, BOOK, COBALAMIN, NERVES, TODAY, UK, b12, problem

DRUGS = tuple(BOOK.drugs.values())
DIETARY = UK.table["dietary"]
BLEEDS, LEBER = frozenset({Modifier.BLEEDING_RISK}), frozenset({Modifier.LEBER})


def site(**changes: object) -> Protocol:
    """A protocol of a site's own, by what is other in its row for the diet."""
    row = replace(DIETARY, **changes)  # type: ignore[arg-type]
    return replace(UK, id="ours", leber=None, bridge=None, table={**UK.table, "dietary": row})


def planned(protocol: Protocol, drugs=DRUGS, **said: object) -> Plan:
    return choose(protocol, Situation(Mechanism.DIETARY, **said), drugs)  # type: ignore[arg-type]


TABLETS = site(choices=tuple(c for c in DIETARY.choices if not c.regimen.injected))
INJECTIONS = site(choices=tuple(c for c in DIETARY.choices if c.regimen.injected))


def test_who_takes_tablets_where_a_site_has_no_injection_is_told_so() -> None:
    because = "already on B12 by mouth or nose, and the protocol has no injection for this cause"

    assert planned(TABLETS, by_mouth_or_nose=True).none_because == because
    assert planned(INJECTIONS, by_mouth_or_nose=True).options


@pytest.mark.parametrize(("besides", "more"), [(frozenset(), ""), (BLEEDS, "; bleeding risk: nothing into muscle")])
def test_every_drug_that_leber_forbids_is_named(besides: frozenset[Modifier], more: str) -> None:
    drugs = tuple(replace(drug, not_with_leber=True) for drug in DRUGS[:2])
    only = site(choices=tuple(c for c in DIETARY.choices if c.regimen.drug in {drug.id for drug in drugs}))
    named = ", ".join(drug.title for drug in drugs)

    assert planned(only, drugs, modifiers=LEBER | besides).none_because == f"Leber optic neuropathy: no {named}{more}"


def test_what_follows_is_swapped_in_pregnancy_too() -> None:
    first, then = DIETARY.choices[-1].regimen, DIETARY.choices[0].regimen
    other = UK.pregnancy_swaps[then.id]
    plan = planned(site(choices=(Choice(first, then),)), modifiers=frozenset({Modifier.PREGNANCY}))

    assert [step.text for step in plan.options[0].steps[len(first.repletion) :]] == [s.text for s in other.maintenance]


def test_the_hazards_that_could_not_be_judged_are_named() -> None:
    need = Need(Situation(Mechanism.DIETARY, unjudged=True), None, ("Observation/a", "Observation/b"))

    assert recommend(UK, need, BOOK.drugs).none_because == (
        "a hazard on record could not be judged: Observation/a, Observation/b"
    )


def test_a_hazard_that_cannot_be_read_and_a_form_that_is_not_said_stop_the_plan() -> None:
    low = (b12("90"),)
    hazard = Unreadable("Observation/inr", "it has no value", Analyte.INR, hazard=True)
    unsaid = Exposure(COBALAMIN, "MedicationRequest/m", Course.ACTIVE, Form.UNKNOWN, TODAY, None)

    blind = decide(record_of(low, birth=ADULT, unreadable=(hazard,)), UK, BOOK, TODAY)
    formless = decide(record_of(low, (problem(NERVES),), (unsaid,), birth=ADULT), UK, BOOK, TODAY)

    assert blind.plan.none_because == "a hazard on record could not be judged: Observation/inr"
    assert formless.plan.none_because == "how the B12 on record is given is not known"
