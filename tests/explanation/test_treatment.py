"""How treatment goes is explained too: the response, the intervals, and the offers that no card carries."""

from __future__ import annotations

from typing import Any

from service.evaluate import shipped
from service.explanation import explain
from service.explanation.text import told
from tests.medicine.treated import HYDROXO, PERNICIOUS, decided, lab, on

STABLE = on(HYDROXO, 900, (3, "mo"))
WELL = [lab("hb", 138, "g/L", 5)]


def words(protocol: str, **facts: Any) -> str:
    return told(explain(decided(protocol, **facts), shipped().book))


def test_an_offer_stands_with_what_it_starts_and_what_it_stops() -> None:
    said = words("us-aafp", conditions=PERNICIOUS, on_b12=STABLE, labs=WELL)

    assert "may be offered, tablets US-ORAL-HIGH: stable on injections; stops MedicationRequest/" in said
    assert "response as expected: the blood count answers: haemoglobin 138 g/L" in said


def test_the_protocol_that_keeps_injections_says_so() -> None:
    assert "not offered, tablets: the protocol keeps injections for life" in words(
        "uk-ng239", conditions=PERNICIOUS, on_b12=STABLE, labs=WELL
    )


def test_a_cause_that_is_over_is_a_reason_to_think_of_stopping() -> None:
    worm = {"name": "diphyllobothriasis", "clinical": "resolved", "days_ago": 900, "ended_days_ago": 200}
    said = words("uk-ng239", conditions=[worm], on_b12=STABLE | {"months": 12}, labs=WELL)

    assert "may be offered, stop: fish tapeworm is over since 2026-05-06" in said


def test_injections_closer_together_than_usual_are_named_though_no_card_says_so() -> None:
    said = words("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 900, (1, "mo")), labs=WELL)

    assert f"closer together than usual: {HYDROXO.split('_')[0]} every 30 days, usually every 2 to 3 months" in said


def test_without_treatment_there_is_nothing_to_explain() -> None:
    assert explain(decided("uk-ng239", labs=[lab("b12", 90, "ng/L", 5)]), shipped().book).treatment is None
