"""Sentences that were said where they are not true, and ones that were missing: found by reading cards."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cds_hooks.wire import Indicator
from service.answer import Answer
from service.domain.record import Course, Exposure, Form, When
from service.domain.terms import Mechanism
from tests.medicine.treated import PERNICIOUS, TABLETS, answered, lab, on
from tests.vignettes import PROTOCOLS

from .test_sharp import BOOK, GAS, NERVES, TODAY, ago, judged, problem, seen

SURGERY: dict[str, Any] = {"procedures": ["total_gastrectomy"], "labs": [lab("b12", 500, "ng/L", 5)]}


def gas(began: int, ended: int | None, course: Course = Course.ENDED) -> Exposure:
    last = None if ended is None else TODAY - timedelta(days=ended)
    return Exposure(GAS, "MedicationRequest/g", course, Form.UNKNOWN, TODAY - timedelta(days=began), last)


@pytest.mark.parametrize(
    ("use", "onset", "exposed"),
    [
        (gas(42, 21), 2, True),
        (gas(60, 30), 2, True),
        (gas(60, 31), 2, False),
        (gas(42, 21), 30, True),
        (gas(42, 21), 42, True),
        (gas(42, 21), 43, False),
        (gas(42, None), 14, True),
        (gas(42, None), 13, False),
        (gas(42, None, Course.ACTIVE), 2, True),
        (gas(42, None, Course.ACTIVE), 0, True),
        (gas(42, None, Course.DRAFT), 20, False),
        (gas(30, 42), 2, True),
        (gas(30, 42), 1, False),
    ],
)
def test_a_medical_use_of_nitrous_oxide_counts_from_its_first_day_to_four_weeks_after_its_last(
    use: Exposure, onset: int, exposed: bool
) -> None:
    found = seen(exposures=(use,), problems=(problem(NERVES, ago(onset)),))

    assert bool(found.gas) is exposed
    assert found.medical_gas == ((use.resource,) if exposed else ())


def test_what_is_long_over_is_no_exposure_however_long_it_was() -> None:
    nerves = (problem(NERVES),)
    months = BOOK.protocols["uk-ng239"].limits.misuse_months
    last = date(TODAY.year - months // 12, TODAY.month, TODAY.day)
    days = (TODAY - last).days

    assert judged(exposures=(gas(days + 40, days + 1),), problems=nerves).mechanism is Mechanism.UNDETERMINED
    for use in (gas(days + 40, days), gas(days + 40, 0)):
        onset = use.end
        assert onset is not None
        assert seen(exposures=(use,), problems=(problem(NERVES, When(onset, onset)),)).gas


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_allergy_leaves_no_prevention_and_is_said_with_whom_to_ask(protocol: str) -> None:
    labs = [lab("b12", 500, "ng/L", 5, range_low=200, range_high=900)]
    found = answered(protocol, allergies=["hydroxocobalamin"], **SURGERY | {"labs": labs})

    assert found.decision.schedules == ()
    assert {"safety-allergy", "refer", "prevent"} <= set(found.decision.notices)
    assert [card.indicator for card in found.cards] == [Indicator.INFO]
    assert "test dose" in found.cards[0].detail


def test_leber_is_said_where_it_leaves_no_prevention() -> None:
    for protocol in PROTOCOLS:
        labs = [lab("b12", 500, "ng/L", 5, range_low=200, range_high=900)]
        found = answered(protocol, conditions=["leber_hereditary_optic_neuropathy"], **SURGERY | {"labs": labs})
        assert "safety-leber" in found.decision.notices, protocol


def test_a_protocol_that_prevents_nothing_says_nothing_of_a_normal_b12() -> None:
    normal = [lab("b12", 500, "ng/L", 5, range_low=200, range_high=900)]
    found = {protocol: answered(protocol, **SURGERY | {"labs": normal}) for protocol in PROTOCOLS}

    assert {protocol: len(answer.cards) for protocol, answer in found.items() if answer.decision.schedules} == {
        "uk-ng239": 1,
        "us-aafp": 1,
    }
    assert found["us-label"].decision.assessment.start_now
    assert found["us-label"].cards == ()


def text(found: Answer) -> str:
    return "\n".join(card.detail or "" for card in found.cards)


def test_a_marker_that_is_back_is_not_asked_for_in_words_either() -> None:
    labs = [lab("b12", 500, "ng/L", 5), lab("mma", 0.6, "umol/L", 5)]
    without, back = (answered("uk-ng239", labs=[*labs, *more]) for more in ((), (lab("hcy", 10, "umol/L", 5),)))

    assert without.decision.assessment.rule.id == back.decision.assessment.rule.id == "K9m"
    assert "Send homocysteine" in text(without)
    assert "Send homocysteine" not in text(back)


@pytest.mark.parametrize(
    ("days", "taken", "neuro", "why"),
    [
        (600, 5, False, "B12 by mouth or nose was not enough"),
        (30, 40, True, "Neurology needs injections"),
    ],
)
def test_tablets_are_said_to_have_failed_only_where_they_did(days: int, taken: int, neuro: bool, why: str) -> None:
    labs = [lab("b12", 90, "ng/L", taken)]
    found = answered("uk-ng239", conditions=PERNICIOUS, on_b12=on(TABLETS, days, (1, "d")), labs=labs, neuro=neuro)

    assert found.decision.plan.replaces_therapy
    assert f"**Why this route:** {why}" in text(found)


def test_what_is_ordered_beyond_the_review_is_not_called_the_review() -> None:
    pregnant = answered("uk-ng239", conditions=PERNICIOUS, pregnant=True, labs=[lab("b12", 90, "ng/L", 5)])
    plain = answered("uk-ng239", conditions=PERNICIOUS, labs=[lab("b12", 90, "ng/L", 5)])

    assert "ordered to the review on" in text(plain)
    assert "ordered to the review on" not in text(pregnant)
    assert "one interval is ordered, to" in text(pregnant)


def test_active_b12_is_asked_for_because_of_pregnancy_or_of_the_kidneys_whichever_it_is() -> None:
    labs = [lab("b12", 250, "ng/L", 5), lab("mma", 0.6, "umol/L", 5), lab("egfr", 30, "mL/min/1.73m2", 5)]
    kidneys = text(answered("uk-ng239", labs=labs))
    pregnant = text(answered("uk-ng239", pregnant=True, labs=[lab("b12", 150, "ng/L", 5)]))

    assert "Send active B12: impaired kidneys" in kidneys
    assert "in pregnancy" not in kidneys
    assert "Send active B12; in pregnancy total B12 falls without deficiency." in pregnant


def test_bleeding_names_no_way_that_another_hazard_closes() -> None:
    bleeds = [lab("b12", 90, "ng/L", 5), lab("inr", 5, "1", 3)]
    found = answered("us-aafp", conditions=["leber_hereditary_optic_neuropathy"], labs=bleeds)

    assert "Bleeding risk: no injection into muscle now." in text(found)
    assert "tablets, or deep" not in text(found)
