"""What raises a notice, in words, where no shipped code leads: a site's contraceptives, potassium coded low."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.modifiers import Modifiers
from service.domain.notices import raised, unsafe_therapy
from service.domain.recommend import Plan
from service.domain.record import Concept, Course, Form, Result
from service.domain.terms import Modifier, Notice, Role
from tests.medicine.test_sharp import BOOK, MMA, PERNICIOUS, b12, judged, problem, result, seen, since

PLAIN, NO_PLAN = Modifiers({}, (), ()), Plan((), None, None, None)
PILL = replace(PLAIN, contraceptive=("MedicationRequest/pill",))
LOW_POTASSIUM = Concept("hypokalaemia", "low potassium", frozenset({Role.HYPOKALAEMIA}))


def said(found: Modifiers, *labs: Result, **rest: object) -> set[tuple[Notice, str]]:
    return set(raised(seen(*labs, **rest), judged(*labs, **rest), found, NO_PLAN, ()))


def test_what_the_status_rule_asks_for_says_so() -> None:
    assert (Notice.WORKUP_MMA, "the status rule asks for it") in said(PLAIN, b12("250"))


@pytest.mark.parametrize(
    ("labs", "told", "marker"),
    [
        ((b12("250"),), True, True),
        ((b12("100"),), True, False),
        ((b12("250"), result(MMA, "0.35")), True, False),
        ((b12("600"),), False, False),
    ],
)
def test_a_contraceptive_beside_a_b12_that_is_not_normal_calls_for_mma_while_nothing_is_settled(
    labs: tuple[Result, ...], told: bool, marker: bool
) -> None:
    found = said(PILL, *labs)

    words = "an oestrogen contraceptive on record, and total B12 not clearly normal"
    assert ((Notice.CONTRACEPTIVE, words) in found) is told
    assert ((Notice.WORKUP_MMA, "an oestrogen contraceptive lowers total B12 without deficiency") in found) is marker


def test_potassium_that_is_coded_low_is_watched_once_treatment_begins() -> None:
    watched = (Notice.SAFETY_K, "severe anaemia or low potassium, and treatment fills the cells")
    low = b12("100")

    assert watched not in said(PLAIN, low, problems=(problem(PERNICIOUS),))
    assert watched in said(PLAIN, low, problems=(problem(PERNICIOUS), problem(LOW_POTASSIUM)))
    assert watched not in said(PLAIN, problems=(problem(PERNICIOUS), problem(LOW_POTASSIUM)))


def test_in_leber_only_the_drugs_that_it_forbids_are_unsafe() -> None:
    cyano = since(300, Form.INJECTION)
    hydroxo, other, drafted = (
        cyano._replace(concept=Concept(name, name, frozenset({Role.COBALAMIN})), resource=f"MedicationRequest/{name}")
        for name in ("hydroxocobalamin", "another", "cyanocobalamin")
    )
    drafted = drafted._replace(course=Course.DRAFT)
    evidence = seen(exposures=(cyano, hydroxo, other, drafted))
    leber, allergic = (replace(PLAIN, present={m: ()}) for m in (Modifier.LEBER, Modifier.COBALAMIN_ALLERGY))

    assert unsafe_therapy(evidence, PLAIN, BOOK) == ()
    assert unsafe_therapy(evidence, leber, BOOK) == (cyano, drafted)
    assert unsafe_therapy(evidence, allergic, BOOK) == (cyano, hydroxo, other, drafted)
