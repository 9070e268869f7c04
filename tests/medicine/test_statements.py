"""The twenty-two statements that the service must cover, each by its number: clinical reference, section 1."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from service.domain.decision import Decision
from service.domain.offers import Kind
from service.domain.response import Verdict
from service.evaluate import evaluate, shipped
from service.knowledge.build import regimens_of
from service.knowledge.load import load, shelf
from service.knowledge.load import shipped as folder
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.render import bundle
from tests.vignettes import PROTOCOLS, TODAY

from .ask import Answer, created, recommended
from .test_workup import detail, lab, patient

BOOK = load().book
LOW = [{"analyte": "b12", "value": 100, "unit": "ng/L", "range_low": 200}]
PERNICIOUS = {"age": 62, "conditions": ["pernicious_anaemia"], "labs": LOW}
VEGAN = {"age": 40, "diet": "vegan", "labs": LOW}
UNEXPLAINED = {"age": 62, "labs": LOW}
STABLE = {
    "age": 50,
    "on_b12": {"product": "hydroxocobalamin_injection", "every": [3, "mo"], "months": 30},
    "labs": [lab("hb", 140, "g/L", 20), lab("mcv", 90, "fL", 20)],
}


def decided(protocol: str, **facts: Any) -> Decision:
    chart = bundle(msgspec.convert(facts, Facts), TODAY, Choice.nth(0))
    return evaluate(json.dumps(chart).encode(), protocol=protocol, today=TODAY, using=shipped()).decision


def first(given: Answer) -> dict[str, Any]:
    option = recommended(given)
    assert option is not None
    return option


def steps(protocol: str, regimen: str, facts: dict[str, Any]) -> list[str]:
    """The steps of an option that is offered, in the words of the card."""
    options = [option for option, _ in decided(protocol, **facts).schedules if option.regimen.id == regimen]
    return [step.text for option in options for step in option.steps]


def test_statement_1_the_same_b12_gets_another_treatment_when_the_cause_is_another() -> None:
    plans = {
        first(patient("uk-ng239", **facts))["regimen"]
        for facts in (PERNICIOUS, VEGAN, UNEXPLAINED, {**PERNICIOUS, "conditions": ["pernicious_anaemia", "numb_feet"]})
    }

    assert plans == {"UK-HYDROXO-STD", "UK-ORAL-DIET", "UK-ORAL-MALABS", "UK-HYDROXO-NEURO"}


def test_statement_2_impaired_absorption_begins_with_injections_and_may_go_on_by_mouth_where_the_protocol_allows() -> (
    None
):
    facts = {**STABLE, "conditions": ["pernicious_anaemia"]}
    tablets = {p: next(o for o in decided(p, **facts).offers if o.kind is Kind.TABLETS) for p in PROTOCOLS[:2]}

    assert [first(patient(p, **PERNICIOUS))["route"] for p in PROTOCOLS] == ["intramuscular"] * 3
    assert tablets["us-aafp"].refused is None
    assert tablets["uk-ng239"].refused


def test_statement_3_a_dietary_deficiency_is_treated_by_mouth() -> None:
    assert [first(patient(p, **VEGAN))["route"] for p in ("uk-ng239", "us-aafp")] == ["oral", "oral"]


def test_statement_4_neurology_comes_first_and_is_treated_harder_whatever_the_cause() -> None:
    for protocol in PROTOCOLS:
        given = patient(protocol, **{**VEGAN, "conditions": ["numb_feet"]})

        assert first(given)["route"] == "intramuscular"
        assert given["cards"][0]["indicator"] == "critical"
        assert "do not delay the first dose" in detail(given)


@pytest.mark.parametrize(
    ("facts", "driver"),
    [
        ({"medicines": [{"name": "metformin", "months": 60}]}, "Review the need for the medicine."),
        ({"n2o": "recreational_current"}, "Advise stopping nitrous oxide."),
        ({"diet": "vegan"}, "Advise on diet"),
        ({"conditions": ["coeliac"]}, "Gluten-free diet"),
        ({}, "Look for the cause"),
    ],
)
def test_statement_5_what_drives_the_deficiency_is_addressed(facts: dict[str, Any], driver: str) -> None:
    assert driver in detail(patient("uk-ng239", **{"age": 40, "labs": LOW, **facts}))


def test_statement_6_no_single_number_decides_the_local_protocol_does() -> None:
    facts = {"age": 62, "labs": [lab("b12", 165, "ng/L", 5)]}

    assert {p: patient(p, **facts)["status"] for p in PROTOCOLS} == {
        "uk-ng239": "confirmed",
        "us-aafp": "indeterminate",
        "us-label": "unknown",
    }


def test_statement_7_repletion_may_be_a_dose_a_day_for_a_week() -> None:
    assert steps("us-aafp", "US-IM-TRAD", PERNICIOUS)[0] == "1000 micrograms daily for 1 week"


def test_statement_8_or_several_doses_a_week_for_the_first_two_weeks() -> None:
    several = next(r for r in _site_regimens() if r.id == "US-IM-SEVERAL")

    assert steps("uk-ng239", "UK-HYDROXO-STD", PERNICIOUS)[0] == "1 mg three times a week for 2 weeks"
    assert "several times a week, for 2 weeks" in several.steps[0].text


def test_statement_9_the_answer_within_days_to_weeks_decides_whether_to_go_on() -> None:
    therapy = {"product": "hydroxocobalamin_injection", "every": [2, "mo"], "months": 3}
    verdicts = {}
    for hb in (85, 135):
        labs = [lab("hb", hb, "g/L", 5)]
        judged = decided("uk-ng239", age=66, conditions=["pernicious_anaemia"], on_b12=therapy, labs=labs)
        verdicts[hb] = judged.response.verdict if judged.response else None

    assert verdicts == {85: Verdict.POOR, 135: Verdict.EXPECTED}
    assert "7 to 10 days after the start" in detail(patient("uk-ng239", **PERNICIOUS))


def test_statement_10_maintenance_is_weekly_for_a_time_and_then_monthly_and_for_life_where_the_cause_stays() -> None:
    given = patient("us-aafp", **PERNICIOUS)
    said = steps("us-aafp", "US-IM-TRAD", PERNICIOUS)

    assert said[1:] == ["1000 micrograms weekly for 4 weeks", "1000 micrograms monthly"]
    assert first(given)["duration"] == "lifelong"


def test_statement_11_a_dietary_deficiency_is_not_for_life_and_pernicious_anaemia_is() -> None:
    cured = {
        **STABLE,
        "conditions": [{"name": "fish_tapeworm", "clinical": "resolved", "days_ago": 900, "ended_days_ago": 60}],
    }

    assert first(patient("uk-ng239", **VEGAN))["duration"] == "while-cause-persists"
    assert first(patient("uk-ng239", **PERNICIOUS))["duration"] == "lifelong"
    assert Kind.STOP in {offer.kind for offer in decided("uk-ng239", **cured).offers}


def test_statement_12_symptoms_and_blood_are_watched_and_b12_itself_only_where_it_tells() -> None:
    injected, tablets = (detail(patient("us-aafp", **facts)) for facts in (PERNICIOUS, UNEXPLAINED))

    assert "full blood count and reticulocytes at 1 to 2 weeks and about 8 weeks" in injected
    assert "symptoms at each visit" in injected
    assert "B12, with or without MMA, at about 3 months" in tablets
    assert "B12, with or without MMA" not in injected
    assert "serum B12 is not repeated on injections" in detail(patient("uk-ng239", **PERNICIOUS))


def test_statement_13_a_poor_answer_puts_dose_route_and_cause_in_question() -> None:
    therapy = {"product": "hydroxocobalamin_injection", "every": [2, "mo"], "months": 3}
    labs = [lab("hb", 85, "g/L", 5), lab("mcv", 118, "fL", 5)]
    given = patient("uk-ng239", age=66, conditions=["pernicious_anaemia"], on_b12=therapy, labs=labs)

    assert "response" in given["notices"]
    assert "Response is in doubt: check doses taken, interval, route and cause." in detail(given)


def test_statement_14_high_doses_by_mouth_work_even_where_absorption_is_poor() -> None:
    offered = {p: steps(p, r, {"age": 40, "conditions": ["coeliac"], "labs": LOW}) for p, r in _BY_MOUTH.items()}

    assert offered == {"uk-ng239": ["at least 1 mg daily"] * 2, "us-aafp": ["1 to 2 mg daily", "1 mg daily"]}


_BY_MOUTH = {"uk-ng239": "UK-ORAL-MALABS", "us-aafp": "US-ORAL-HIGH"}


def test_statement_15_by_mouth_a_high_dose_daily_for_weeks_then_a_lower_one_or_a_high_one_now_and_then() -> None:
    weekly = next(r for r in _site_regimens() if r.id == "TRIAL-OB12-ORAL")

    assert steps("us-aafp", "US-ORAL-HIGH", VEGAN) == ["1 to 2 mg daily", "1 mg daily"]
    assert [step.text for step in weekly.steps] == ["1 mg daily for 8 weeks", "1 mg once a week"]


@pytest.mark.parametrize(
    "against",
    [
        {"conditions": ["numb_feet"]},
        {"poor_adherence": True},
        {"labs": [*LOW, lab("hb", 60, "g/L", 5)]},
    ],
)
def test_statement_16_neurology_poor_adherence_and_severe_anaemia_speak_against_tablets(
    against: dict[str, Any],
) -> None:
    assert first(patient("us-aafp", **VEGAN))["route"] == "oral"
    assert first(patient("us-aafp", **{**VEGAN, **against}))["route"] == "intramuscular"


def test_statement_17_who_is_stable_on_injections_may_move_to_tablets_by_diagnosis_and_protocol() -> None:
    vegan = decided("uk-ng239", **STABLE, diet="vegan")
    pernicious = decided("uk-ng239", **STABLE, conditions=["pernicious_anaemia"])
    moves = [next(o for o in d.offers if o.kind is Kind.TABLETS) for d in (vegan, pernicious)]

    assert [move.option.regimen.id if move.option else None for move in moves] == ["UK-ORAL-DIET", None]


def test_statement_18_speed_absorption_neurology_adherence_and_duration_drive_the_route_and_the_card_says_which() -> (
    None
):
    reasons = {
        "speed": {**VEGAN, "labs": [*LOW, lab("hb", 60, "g/L", 5)]},
        "absorption": PERNICIOUS,
        "neurology": {**VEGAN, "conditions": ["numb_feet"]},
        "adherence": {**VEGAN, "poor_adherence": True},
        "diet": VEGAN,
    }
    said = {
        name: next(line for line in detail(patient("uk-ng239", **facts)).splitlines() if "Why this route" in line)
        for name, facts in reasons.items()
    }

    assert "fastest" in said["speed"]
    assert "not absorbed" in said["absorption"]
    assert "for life" in said["absorption"]
    assert "neurology needs injections" in said["neurology"].lower()
    assert "reliably" in said["adherence"]
    assert "absorption is intact" in said["diet"].lower()


def test_statement_19_the_laboratory_recovers_before_the_symptoms_and_early_treatment_recovers_more() -> None:
    said = detail(patient("uk-ng239", **PERNICIOUS))

    assert "blood normal by about 8 weeks; nerves take weeks to 6 months or more" in said
    assert "treated early they recover more" in said


def test_statement_20_the_dose_becomes_a_volume_of_the_very_product_and_a_route_it_is_licensed_for() -> None:
    label, practice = (created(patient(p, **PERNICIOUS), "MedicationRequest")[0] for p in ("us-label", "us-aafp"))
    words = [order["dosageInstruction"][0]["text"] for order in (label, practice)]

    assert "100 micrograms = 0.1 mL of 1000 micrograms/mL" in words[0]
    assert "1000 micrograms = 1 mL of 1000 micrograms/mL" in words[1]
    assert {"conflict-c2", "conflict-c12"} <= set(patient("us-label", **PERNICIOUS)["notices"])


def test_statement_21_improvement_takes_weeks_nerves_take_longer_and_may_not_recover_fully() -> None:
    for protocol in ("uk-ng239", "us-aafp"):
        said = detail(patient(protocol, **PERNICIOUS))

        assert "nerves take weeks to 6 months or more, and may not recover fully" in said


def test_statement_22_a_plan_has_three_parts_repletion_maintenance_and_what_is_watched() -> None:
    for protocol in PROTOCOLS:
        said = detail(patient(protocol, **PERNICIOUS))

        assert [part in said for part in ("- Repletion: ", "- Maintenance: ", "- Watch: ")] == [True] * 3


def _site_regimens() -> list[Any]:
    return [r for r in regimens_of(shelf(folder()).regimens, BOOK.drugs).values() if r.for_sites]
