"""What we proposed ourselves, accepted when the chart was opened, is signed without another word."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.chart.codes import Choice
from tests.chart.hook_request import patient_view
from tests.chart.render import bundle
from tests.vignettes import PROTOCOLS, TODAY, Vignette, vignettes

from .kit import HYDROXO, KEYS, Json, Said, at_sign, drafts, facts, injection, posted, service

TOLD = [told for told in vignettes() if told.today == TODAY]


@cache
def opened(name: str, protocol: str) -> Json:
    told = next(each for each in TOLD if each.id == name)
    return posted(service(protocol), view_of(told))


def view_of(told: Vignette) -> Json:
    asked = patient_view(bundle(told.facts, told.today, Choice.nth(0)), KEYS)
    return asked | {"hookInstance": str(uuid.uuid4())}


def proposals(protocol: str) -> Iterator[tuple[Vignette, str, list[Json]]]:
    """Each suggestion that creates something, as an EHR keeps it: under ids of its own."""
    for told in TOLD:
        for card in opened(told.id, protocol)["cards"]:
            for suggestion in card.get("suggestions", ()):
                made = [a["resource"] for a in suggestion["actions"] if a["type"] == "create"]
                if made:
                    kept = [{**order, "id": f"kept-{n}", "intent": "order"} for n, order in enumerate(made, 1)]
                    yield told, suggestion["label"], kept


def signed(told: Vignette, protocol: str, orders: list[Json]) -> Said:
    asked = view_of(told) | {"hook": "order-sign"}
    asked["context"]["draftOrders"] = drafts(*orders)
    return Said(posted(service(protocol), asked))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_accepted_suggestion_is_signed_in_silence(protocol: str) -> None:
    spoken = [
        (told.id, label, said.kinds)
        for told, label, orders in proposals(protocol)
        if (said := signed(told, protocol, orders)).cards
    ]

    assert spoken == []
    assert len([*proposals(protocol)]) > 50


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_so_it_is_where_the_system_drops_identifiers_and_notes_and_dates_it_tomorrow(protocol: str) -> None:
    dropped = ("identifier", "groupIdentifier", "note", "reasonCode", "supportingInformation", "intent")
    spoken = [
        (told.id, label, said.kinds)
        for told, label, orders in proposals(protocol)
        if (said := signed(told, protocol, [without(order, dropped) for order in orders])).cards
    ]

    assert spoken == []


def test_a_system_that_keeps_only_the_product_s_name_is_not_told_again_what_it_chose() -> None:
    kept = ("resourceType", "id", "status", "medicationCodeableConcept", "subject")
    spoken = [
        (told.id, label, said.kinds)
        for told, label, orders in proposals("uk-ng239")
        if (said := signed(told, "uk-ng239", [{k: v for k, v in o.items() if k in kept} for o in orders])).cards
    ]

    # A lost route may be the one thing that kept an injection out of the muscle.
    assert {kind for _, _, kinds in spoken for kind in kinds} == {"bleeding"}


def without(order: Json, dropped: tuple[str, ...]) -> Json:
    return {key: value for key, value in order.items() if key not in dropped}


def test_our_own_order_is_looked_at_again_when_a_hazard_appeared_since() -> None:
    patient: dict[str, Any] = {"conditions": ["pernicious_anaemia"], "labs": [["b12", 110, "ng/L"]]}
    told = next(each for each in TOLD if each.id == "V75")
    orders = next(orders for each, _, orders in proposals("uk-ng239") if each is told)

    before = at_sign("uk-ng239", facts(**patient), *orders)
    allergic = at_sign("uk-ng239", facts(**patient, allergies=["hydroxocobalamin"]), *orders)
    bleeding = at_sign("uk-ng239", facts(**patient | {"labs": [*patient["labs"], ["inr", 4.2, "1"]]}), *orders)

    assert before.cards == []
    assert set(allergic.kinds) == {"allergy"}
    assert set(bleeding.kinds) == {"bleeding"}


def test_an_order_that_was_changed_after_it_was_accepted_is_looked_at_like_any_other() -> None:
    told = next(each for each in TOLD if each.id == "V75")
    first, *_ = next(orders for each, _, orders in proposals("uk-ng239") if each is told)
    (dosage,) = first["dosageInstruction"]
    daily = {**dosage["timing"]["repeat"], "frequency": 1, "period": 1, "periodUnit": "d"}
    changed = {**first, "dosageInstruction": [{**dosage, "timing": {"repeat": daily}}]}

    assert signed(told, "uk-ng239", [changed]).kinds == ["frequency"]


def test_the_correction_of_a_correction_is_nothing() -> None:
    patient = facts(conditions=["pernicious_anaemia"], labs=[["b12", 110, "ng/L"]])
    wrong = at_sign("uk-ng239", patient, injection(HYDROXO, dose=(1000, "mg"), every=(1, "d")))

    assert wrong.kinds == ["dose", "frequency"]
    assert at_sign("uk-ng239", patient, wrong.updated()).cards == []
