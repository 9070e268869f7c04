"""A corrected order is whole, valid where it was valid, and differs only where it was wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from service.domain.pace import Change
from service.domain.protocol import Timing
from service.domain.terms import Route
from service.evaluate import shipped
from service.fhir.correcting import corrected
from service.fhir.gate import check
from tests.vignettes import PROTOCOLS

from .kit import UCUM, Json, Said, at_sign, drafts, facts, posted, request, service

ALIASES = shipped().reader.index.aliases
MG = {"unit": "mg", "system": UCUM, "code": "mg"}
PERNICIOUS = {"conditions": ["pernicious_anaemia"], "labs": [["b12", 110, "ng/L"]]}


def complete(**changes: Any) -> Json:
    """An order that passes our own gate: 1 mg of a cobalamin every 30 days, three doses, in milligrams."""
    bounds = {"start": "2026-11-22", "end": "2027-01-30"}
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.whocc.no/atc", "code": "B03BA03", "display": "hydroxocobalamin"}],
            "text": "hydroxocobalamin",
        },
        "subject": {"reference": "Patient/patient-1"},
        "authoredOn": "2026-11-22",
        "groupIdentifier": {"system": "https://ehr.example/session", "value": "7"},
        "dosageInstruction": [
            {
                "text": "1 mg every 30 days, intramuscular",
                "timing": {"repeat": {"boundsPeriod": bounds, "frequency": 1, "period": 30, "periodUnit": "d"}},
                "route": {"text": "Intramuscular"},
                "doseAndRate": [{"doseQuantity": {"value": 1, **MG}}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": bounds,
            "quantity": {"value": 3, **MG},
            "expectedSupplyDuration": {"value": 70, "unit": "days", "system": UCUM, "code": "d"},
        },
    }
    made = copy.deepcopy(made) | changes
    assert check(made) == ()
    return made


def in_milligrams(value: float) -> Json:
    """The same with so many milligrams a dose."""
    order = complete()
    (dosage,) = order["dosageInstruction"]
    dosage["text"] = f"{value} mg every 30 days, intramuscular"
    dosage["doseAndRate"][0]["doseQuantity"]["value"] = value
    order["dispenseRequest"]["quantity"]["value"] = 3 * value
    assert check(order) == ()
    return order


def every(days: int, doses: int) -> Json:
    order = complete()
    (dosage,) = order["dosageInstruction"]
    dosage["timing"]["repeat"]["period"] = days
    order["dispenseRequest"]["quantity"]["value"] = doses
    assert check(order) == ()
    return order


def test_a_dose_in_the_wrong_unit_is_said_in_the_right_one_everywhere() -> None:
    found = corrected(in_milligrams(1000), Change(unit="ug"), ALIASES, None)

    assert found["dosageInstruction"][0]["text"] == "1000 micrograms every 30 days, intramuscular"
    assert found["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["code"] == "ug"
    assert found["dispenseRequest"]["quantity"] == {"value": 3000, "unit": "micrograms", "system": UCUM, "code": "ug"}
    assert check(found) == ()


def test_a_new_interval_dispenses_what_it_takes() -> None:
    change = Change(timing=Timing(1, 2, "mo", period_max=3), text="every 2 to 3 months")

    found = corrected(every(1, 70), change, ALIASES, None)

    assert found["dispenseRequest"]["quantity"]["value"] == 2
    assert found["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"] == "2027-01-30"
    assert check(found) == ()


def test_a_new_route_changes_the_words_too() -> None:
    coding = shipped().book.routes[Route.SUBCUTANEOUS]

    found = corrected(complete(), Change(route=Route.SUBCUTANEOUS), ALIASES, coding)

    assert found["dosageInstruction"][0]["text"] == "1 mg every 30 days, deep subcutaneous"
    assert found["dosageInstruction"][0]["route"]["coding"][0]["code"] == coding[1]
    assert check(found) == ()


def test_the_order_that_was_sent_is_not_touched() -> None:
    order = in_milligrams(1000)
    before = copy.deepcopy(order)

    corrected(order, Change(unit="ug", timing=Timing(1, 2, "mo"), route=Route.SUBCUTANEOUS), ALIASES, None)

    assert order == before


@pytest.mark.parametrize(
    "dosage", [{}, {"text": "inject"}, {"timing": "daily"}, {"timing": {"code": {"text": "BID"}}}, {"doseAndRate": []}]
)
def test_an_order_that_says_little_is_given_only_what_was_missing(dosage: Json) -> None:
    order = {"resourceType": "MedicationRequest", "id": "x", "dosageInstruction": [dosage]}

    found = corrected(order, Change(timing=Timing(1, 2, "mo"), text="every 2 months"), ALIASES, None)

    (given,) = found["dosageInstruction"]
    assert given["timing"] == {"repeat": {"frequency": 1, "period": 2, "periodUnit": "mo"}}
    assert set(given) == {*dosage, "timing"}


WRONG = [in_milligrams(1000), in_milligrams(0.001), every(1, 70), every(7, 10)]


def answers() -> Iterator[tuple[str, Said]]:
    patients = (
        PERNICIOUS,
        PERNICIOUS | {"labs": [["inr", 4.5, "1"]], "on_b12": on_injections()},
        {"conditions": ["pernicious_anaemia"], "on_b12": on_injections()},
        PERNICIOUS | {"medicines": [{"name": "apixaban", "months": 20}]},
    )
    for protocol in PROTOCOLS:
        for patient in patients:
            for order in WRONG:
                prior = {"priorPrescription": {"reference": "MedicationRequest/medicationrequest-1"}}
                yield protocol, at_sign(protocol, facts(**patient), order | prior)
                asked = request("medication-refill", facts(**patient), medications=drafts(order))
                yield protocol, Said(posted(service(protocol), asked))


def on_injections() -> Json:
    return {"product": "hydroxocobalamin_injection", "every": [3, "mo"], "months": 30}


def test_every_corrected_order_passes_the_gate_that_the_draft_passed() -> None:
    updated = [
        action["resource"]
        for _, said in answers()
        for actions in said.actions
        for action in actions
        if action["type"] == "update" and action["resource"]["id"] == "request-123"
    ]

    assert [check(resource) for resource in updated if check(resource)] == []
    assert len(updated) > 20
