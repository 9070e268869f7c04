"""What a stable patient may be offered where it is asked for, under which protocol not, and when to stop."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.json import decode

from service.answer import Answer
from service.cards.suggestions import circumstances, moves
from service.domain.decision import Decision
from service.domain.offers import Kind
from service.evaluate import shipped
from tests.vignettes import PROTOCOLS

from .treated import CYANO, HYDROXO, PERNICIOUS, TABLETS, answered, decided, lab, on

STABLE = on(HYDROXO, 900, (3, "mo"))
WELL = [lab("hb", 138, "g/L", 5), lab("mcv", 90, "fL", 5)]


def offered(found: Decision) -> dict[str, str | None]:
    """Each offer with the regimen it starts; one that the protocol does not make has none."""
    return {o.kind.value: o.option.regimen.id if o.option else None for o in found.offers}


@pytest.mark.parametrize(
    ("facts", "uk", "aafp"),
    [
        ({"diet": "vegan"}, "UK-ORAL-DIET", "US-ORAL-HIGH"),
        ({"diet": "vegan", "breastfeeding": True}, "UK-ORAL-MALABS", "US-ORAL-HIGH"),
        ({"conditions": ["coeliac"]}, "UK-ORAL-MALABS", "US-ORAL-HIGH"),
        ({}, "UK-ORAL-MALABS", "US-ORAL-HIGH"),
        ({"conditions": PERNICIOUS}, None, "US-ORAL-HIGH"),
        ({"procedures": ["total_gastrectomy"]}, None, "US-ORAL-HIGH"),
        ({"procedures": ["complete_terminal_ileal_resection"]}, None, "US-ORAL-HIGH"),
    ],
)
def test_a_stable_patient_may_move_to_tablets_and_under_which_protocol_not(
    facts: dict[str, Any], uk: str | None, aafp: str
) -> None:
    told = {"on_b12": STABLE, "labs": WELL} | facts

    assert offered(decided("uk-ng239", **told)) == {"tablets": uk}
    assert offered(decided("us-aafp", **told)) == {"tablets": aafp}


def test_the_protocol_that_does_not_offer_it_says_why() -> None:
    (refused,) = decided("uk-ng239", conditions=PERNICIOUS, on_b12=STABLE).offers

    assert refused.refused == "the protocol keeps injections for life"
    assert not refused.stops


@pytest.mark.parametrize(
    "facts",
    [
        {"neuro": True},
        {"symptoms": ["fatigue"]},
        {"labs": [lab("hb", 105, "g/L", 5)]},
        {"labs": [lab("hb", 138, "g/L", 5), lab("mcv", 112, "fL", 5)]},
        {"poor_adherence": True},
        {"conditions": ["coeliac", "leber_hereditary_optic_neuropathy"]},
        {"given": [{"name": HYDROXO, "days_ago": 180}]},
        {"on_b12": on(HYDROXO, 40, (3, "mo"))},
        {"on_b12": on(HYDROXO, 900, (6, "mo"))},
        {"medicines": [{"name": TABLETS, "months": 3}]},
        {"on_b12": on(TABLETS, 900, (1, "d"))},
        {"on_b12": None},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_nobody_is_offered_tablets_who_is_not_stable_on_injections(facts: dict[str, Any]) -> None:
    for protocol in PROTOCOLS:
        told = {"conditions": ["coeliac"], "on_b12": STABLE, "labs": WELL} | facts

        assert Kind.TABLETS not in {offer.kind for offer in decided(protocol, **told).offers}, protocol


@pytest.mark.parametrize(
    ("labs", "nasal"),
    [
        (WELL, True),
        (WELL[:1], False),
        ([lab("hb", 120, "g/L", 5, comparator="<"), WELL[1]], False),
        ([lab("hb", 109, "g/L", 5), WELL[1]], False),
        ([WELL[0], lab("mcv", 101, "fL", 5)], False),
        ([lab("hb", 138, "g/L", 100), lab("mcv", 90, "fL", 100)], False),
    ],
)
def test_the_nasal_spray_is_for_remission_that_is_known(labs: list[Any], nasal: bool) -> None:
    found = decided("us-label", conditions=PERNICIOUS, on_b12=on(CYANO, 700, (1, "mo")), labs=labs)

    assert offered(found) == ({"nasal": "LABEL-NASAL"} if nasal else {})


def test_only_the_label_offers_the_spray() -> None:
    told = {"conditions": PERNICIOUS, "on_b12": on(CYANO, 700, (1, "mo")), "labs": WELL}

    assert [p for p in PROTOCOLS if "nasal" in offered(decided(p, **told))] == ["us-label"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_offer_is_never_pushed_as_a_card(protocol: str) -> None:
    answers = [
        answered(protocol, conditions=conditions, on_b12=on(product, 700, every), labs=WELL)
        for conditions in ([], ["coeliac"], PERNICIOUS)
        for product, every in ((HYDROXO, (3, "mo")), (CYANO, (1, "mo")))
    ]

    assert any(answer.decision.offers for answer in answers)
    assert [answer.cards for answer in answers if answer.cards] == []


def suggested(answer: Answer, original: Any) -> list[Any]:
    book, found = shipped().book, answer.decision
    about = circumstances(found, book, "p1", None, "seed")
    return [s.actions for s in moves(found, book, about, original)]


def test_accepting_the_move_stops_the_injections_and_starts_the_tablets_in_one_suggestion() -> None:
    answer = answered("us-aafp", conditions=PERNICIOUS, on_b12=STABLE, labs=WELL)
    order = {"resourceType": "MedicationRequest", "status": "active"}
    ((stop, start),) = suggested(answer, lambda _: order)

    assert stop.resource == {**order, "status": "stopped", "statusReason": {"text": "Replaced by tablets"}}
    (dosage,) = decode(start.resource)["dosageInstruction"]
    assert dosage["text"].startswith("1 mg daily, by mouth")
    assert dosage["timing"]["repeat"]["boundsPeriod"]["start"] == "2026-11-22"


def test_the_spray_is_ordered_once_a_week_without_a_code_nobody_verified() -> None:
    answer = answered("us-label", conditions=PERNICIOUS, on_b12=on(CYANO, 700, (1, "mo")), labs=WELL)
    ((start,),) = suggested(answer, lambda _: None)
    order = decode(start.resource)
    medicine, (dosage,) = order["medicationCodeableConcept"], order["dosageInstruction"]

    assert [coding["code"] for coding in medicine["coding"]] == ["B03BA01"]
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 1
    assert dosage["timing"]["repeat"]["periodUnit"] == "wk"


PREGNANCY = {"name": "pregnant", "clinical": "resolved", "days_ago": 400, "ended_days_ago": 150}
WORM = {"name": "diphyllobothriasis", "clinical": "resolved", "days_ago": 900, "ended_days_ago": 200}


@pytest.mark.parametrize(
    ("facts", "over"),
    [
        ({"conditions": [WORM]}, ["fish tapeworm"]),
        ({"conditions": [WORM, "coeliac"]}, []),
        ({"conditions": [WORM, "pernicious_anaemia"]}, []),
        ({"conditions": [WORM], "symptoms": ["fatigue"]}, []),
        ({"conditions": [WORM | {"ended_days_ago": 800}]}, []),
        ({"conditions": [WORM | {"clinical": "active", "ended_days_ago": None}]}, []),
        ({"medicines": [{"name": "metformin", "months": 30, "ended_months_ago": 8}]}, ["metformin"]),
        ({"medicines": [{"name": "metformin", "months": 30}]}, []),
        (
            {"conditions": [{"name": "pregnant", "clinical": "resolved", "days_ago": 400, "ended_days_ago": 150}]},
            ["pregnancy"],
        ),
    ],
)
def test_when_the_whole_cause_is_over_stopping_may_be_considered(facts: dict[str, Any], over: list[str]) -> None:
    for product, every in ((HYDROXO, (3, "mo")), (TABLETS, (1, "d"))):
        found = decided("uk-ng239", on_b12=on(product, 300, every), labs=WELL, **facts)
        stops = [offer for offer in found.offers if offer.kind is Kind.STOP]

        assert [r.title for offer in stops for r in offer.resolved] == over


def test_a_medicine_that_was_stopped_is_named_with_its_end_and_nobody_is_asked_to_review_it() -> None:
    past = decided("uk-ng239", medicines=[{"name": "metformin", "months": 30, "ended_months_ago": 8}])
    low = [lab("b12", 120, "ng/L", 5)]
    ended = decided("uk-ng239", labs=low, medicines=[{"name": "metformin", "months": 30, "ended_months_ago": 8}])
    taken = decided("uk-ng239", labs=low, medicines=[{"name": "metformin", "months": 30}])

    assert "review-medicine" not in past.notices
    assert ended.assessment.causes[0].why == ("metformin, ended 2026-03-22",)
    assert "review-medicine" not in ended.notices
    assert taken.assessment.causes[0].why == ("metformin",)
    assert "review-medicine" in taken.notices
