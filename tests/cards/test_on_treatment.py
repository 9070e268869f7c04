"""The card of a patient on treatment who is not stable: what its one sentence says, how urgent, what can be ordered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.medicine.treated import CYANO, HYDROXO, PERNICIOUS, TABLETS, answered, lab, on

STABLE = on(HYDROXO, 900, (3, "mo"))


def card(protocol: str = "uk-ng239", **facts: Any) -> dict[str, Any]:
    (only,) = answered(protocol, **({"conditions": PERNICIOUS, "on_b12": STABLE} | facts)).cards
    return msgspec.json.decode(msgspec.json.encode(only))


def ordered(said: dict[str, Any]) -> list[str]:
    return [suggestion["label"].removeprefix("Order: ") for suggestion in said.get("suggestions", ())]


@pytest.mark.parametrize(
    ("facts", "indicator", "action"),
    [
        ({"neuro": True}, "warning", "Neurology on treatment: ask a specialist today."),
        (
            {"on_b12": on(HYDROXO, 3, (2, "d")), "labs": [lab("hb", 58, "g/L", 4)]},
            "warning",
            "Severe anaemia on treatment: ask haematology today and watch potassium.",
        ),
        (
            {"on_b12": on(HYDROXO, 3, (2, "d")), "labs": [lab("k", 3.0, "mmol/L", 1)]},
            "warning",
            "Potassium low while treatment begins: replace it.",
        ),
        ({"labs": [lab("hb", 85, "g/L", 2)]}, "info", "Response in doubt: review."),
        ({"symptoms": ["fatigue"]}, "info", "Response in doubt: review."),
        ({"given": [{"name": HYDROXO, "days_ago": 180}]}, "info", "An injection is overdue since 24 Aug 2026: review."),
        ({"on_b12": on(CYANO, 900, (3, "mo"))}, "info", "Injections are further apart than usual: review."),
        ({"medicines": [{"name": TABLETS, "months": 3}]}, "info", "Two B12 treatments run side by side: stop one."),
    ],
)
def test_the_summary_says_what_to_do_and_only_what_presses_is_a_warning(
    facts: dict[str, Any], indicator: str, action: str
) -> None:
    said = card(**facts)

    assert (said["indicator"], said["summary"].endswith(action)) == (indicator, True), said["summary"]


def test_a_poor_response_shows_the_result_it_rests_on() -> None:
    said = card(labs=[lab("hb", 85, "g/L", 2), lab("mcv", 118, "fL", 2)])

    assert "haemoglobin 85 g/L, 20 Nov 2026" in said["summary"]
    assert "MCV 118 fL (20 Nov 2026)" in said["detail"]
    assert "blood normal by about 8 weeks" in said["detail"]


def test_what_is_missing_can_be_ordered_from_the_same_card() -> None:
    assert ordered(card(symptoms=["fatigue"])) == [
        "Serum methylmalonic acid",
        "Serum folate",
        "Full blood count and film",
        "Reticulocytes",
        "Ferritin",
    ]
    assert ordered(card(given=[{"name": HYDROXO, "days_ago": 180}])) == ["Full blood count and film"]
    assert ordered(card(medicines=[{"name": TABLETS, "months": 3}], labs=[lab("hb", 138, "g/L", 5)])) == []


def test_a_test_asked_for_on_treatment_says_so_and_in_the_potassium_watch_it_is_urgent() -> None:
    said = card(on_b12=on(HYDROXO, 3, (2, "d")), labs=[lab("hb", 58, "g/L", 4)])
    (order,) = (action["resource"] for s in said["suggestions"] for action in s["actions"])

    assert (order["code"]["text"], order["priority"]) == ("Potassium", "urgent")
    assert order["reasonCode"][0]["text"] == "Vitamin B12 deficiency, on treatment: pernicious anaemia"


def test_the_overdue_injection_is_named_with_its_date_and_tablets_are_not_spoken_of() -> None:
    said = card(given=[{"name": HYDROXO, "days_ago": 180}])

    assert "the last on record was given on 26 May 2026" in said["detail"]
    assert "tablets reliably" not in said["detail"]


def test_mma_that_rises_on_injections_is_said_as_response_and_not_as_tablets() -> None:
    labs = [lab("mma", 0.9, "umol/L", 5), lab("egfr", 82, "mL/min/1.73m2", 5)]
    answer = answered("uk-ng239", conditions=["coeliac"], on_b12=STABLE, labs=labs)
    said = answer.cards[0]

    assert said.summary.endswith("Response in doubt: review. No order: already on injections.")
    assert "tablets" not in (said.detail or "").split("**Guidelines differ**")[0]


def test_a_shorter_interval_is_spoken_of_only_where_the_response_is_in_doubt_and_there_is_room() -> None:
    shorter = "the interval may be shortened to 2 months"

    assert shorter in card(symptoms=["fatigue"])["detail"]
    assert shorter not in card(symptoms=["fatigue"], on_b12=on(HYDROXO, 900, (2, "mo")))["detail"]
    assert shorter not in card(symptoms=["fatigue"], on_b12=on(HYDROXO, 900, (6, "mo")))["detail"]
    assert shorter not in card(given=[{"name": HYDROXO, "days_ago": 180}])["detail"]


def test_injections_that_are_only_closer_together_get_no_card_and_are_named_on_one_that_is_there() -> None:
    monthly = on(HYDROXO, 900, (1, "mo"))

    assert answered("uk-ng239", conditions=PERNICIOUS, on_b12=monthly).cards == ()
    assert "closer together than usual" in card(on_b12=monthly, symptoms=["fatigue"])["detail"]


@pytest.mark.parametrize(
    ("protocol", "after"),
    [("uk-ng239", "2 to 3 months"), ("us-aafp", "1 month")],
)
def test_the_first_maintenance_dose_is_due_one_interval_after_the_course(protocol: str, after: str) -> None:
    told = answered(protocol, conditions=PERNICIOUS, labs=[lab("b12", 90, "ng/L", 5)])
    plan = msgspec.json.decode(msgspec.json.encode(told.cards[0]))
    orders = [action["resource"] for action in plan["suggestions"][0]["actions"]]
    *course, maintenance = [order["dosageInstruction"][0]["text"] for order in orders]

    assert maintenance.endswith(f"; first dose {after} after the last of the course")
    assert not any("first dose" in text for text in course)
    assert f"the first {after} after the last of the course" in plan["detail"]


def test_a_plan_for_the_autoimmune_stomach_watches_more_than_the_blood() -> None:
    low = [lab("b12", 90, "ng/L", 5, range_low=180)]
    uk = answered("uk-ng239", conditions=PERNICIOUS, labs=low).cards[0].detail or ""
    label = answered("us-label", conditions=PERNICIOUS, labs=low).cards[0].detail or ""
    coeliac = answered("uk-ng239", conditions=["coeliac"], labs=low).cards[0].detail or ""

    assert "TSH" in uk
    assert "stomach cancer" in label
    assert "TSH" not in coeliac
    assert "At each review: better, go on" in coeliac
