"""One good order, the twenty faulty ones made from it, and a second validator's opinion."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fhirkit

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"

_GOOD_ORDER: Json = {
    "resourceType": "MedicationRequest",
    "id": "order-1",
    "status": "draft",
    "intent": "proposal",
    "priority": "routine",
    "category": [{"coding": [{"system": "http://example.org/category", "code": "community"}]}],
    "medicationCodeableConcept": {
        "coding": [{"system": "http://www.whocc.no/atc", "code": "B03BA03", "display": "hydroxocobalamin"}],
        "text": "hydroxocobalamin 1 mg/mL solution for injection, 1 mL ampoule",
    },
    "subject": {"reference": "Patient/p1"},
    "encounter": {"reference": "Encounter/e1"},
    "supportingInformation": [{"reference": "Observation/b12"}],
    "authoredOn": "2026-03-02",
    "reasonReference": [{"reference": "Condition/c1"}],
    "groupIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1b3f6f1e-95c5-4a1f-8a5b-2f43c7a8d0aa"},
    "dosageInstruction": [
        {
            "sequence": 1,
            "text": "1 mg into muscle three times a week for 2 weeks",
            "timing": {
                "repeat": {
                    "boundsPeriod": {"start": "2026-03-02", "end": "2026-03-15"},
                    "count": 6,
                    "frequency": 3,
                    "period": 1,
                    "periodUnit": "wk",
                }
            },
            "route": {"coding": [{"system": "http://snomed.info/sct", "code": "78421000"}], "text": "intramuscular"},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "mL", "system": UCUM, "code": "mL"}}],
        }
    ],
    "dispenseRequest": {
        "numberOfRepeatsAllowed": 0,
        "quantity": {"value": 6, "unit": "mL", "system": UCUM, "code": "mL"},
        "expectedSupplyDuration": {"value": 14, "unit": "days", "system": UCUM, "code": "d"},
    },
}

_GOOD_REQUEST: Json = {
    "resourceType": "ServiceRequest",
    "id": "request-1",
    "status": "draft",
    "intent": "proposal",
    "code": {
        "coding": [{"system": "http://loinc.org", "code": "13964-2", "display": "Methylmalonate"}],
        "text": "Serum methylmalonic acid",
    },
    "subject": {"reference": "Patient/p1"},
    "authoredOn": "2026-03-02",
    "reasonReference": [{"reference": "Observation/b12"}],
}


def good_order() -> Json:
    """A complete draft order of one bounded step, fresh at every call."""
    return copy.deepcopy(_GOOD_ORDER)


def good_open_order() -> Json:
    """A complete draft order of tablets in a dose range, supplied to its review in three fills."""
    order = good_order()
    dosage = order["dosageInstruction"][0]
    dosage["text"] = "1 to 2 tablets daily"
    period = {"start": "2026-03-02", "end": "2026-05-30"}
    dosage["timing"]["repeat"] = {"boundsPeriod": period, "frequency": 1, "period": 1, "periodUnit": "d"}
    dosage["doseAndRate"] = [{"doseRange": {"low": tablets(1), "high": tablets(2)}}]
    order["dispenseRequest"] = {
        "numberOfRepeatsAllowed": 2,
        "quantity": tablets(60),
        "expectedSupplyDuration": {"value": 30, "unit": "days", "system": UCUM, "code": "d"},
    }
    return order


def good_request() -> Json:
    """A complete draft request for a test, fresh at every call."""
    return copy.deepcopy(_GOOD_REQUEST)


def tablets(number: float | Decimal) -> Json:
    """A number of tablets as a quantity."""
    return {"value": number, "unit": "tablet", "system": UCUM, "code": "{tbl}"}


Step = str | int


def put(value: Any, *path: Step) -> Callable[[Json], None]:
    """Return the change that puts a value at a place."""

    def change(order: Json) -> None:
        _around(order, path)[path[-1]] = value

    return change


def without(*path: Step) -> Callable[[Json], None]:
    """Return the change that takes away what stands at a place."""

    def change(order: Json) -> None:
        del _around(order, path)[path[-1]]

    return change


def _around(order: Any, path: tuple[Step, ...]) -> Any:
    for step in path[:-1]:
        order = order[step]
    return order


REPEAT = ("dosageInstruction", 0, "timing", "repeat")
DOSE = ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity")

#: The twenty faults that validators were compared on, by name.
FAULTS: dict[str, Callable[[Json], None]] = {
    "unknown status code": put("bogus", "status"),
    "no subject": without("subject"),
    "period without periodUnit": without(*REPEAT, "periodUnit"),
    "invalid UCUM code": put("mcg", *DOSE, "code"),
    "unknown element": put("x", "colour"),
    "unknown intent": put("wish", "intent"),
    "no intent": without("intent"),
    "two medication[x]": put({"reference": "Medication/m1"}, "medicationReference"),
    "no medication[x]": without("medicationCodeableConcept"),
    "an impossible date": put("2026-02-30", "authoredOn"),
    "category not an array": put({"text": "community"}, "category"),
    "a string for an integer": put("3", *REPEAT, "frequency"),
    "an unknown periodUnit": put("week", *REPEAT, "periodUnit"),
    "a quantity code without system": without(*DOSE, "system"),
    "a negative period": put(-1, *REPEAT, "period"),
    "a subject of the wrong type": put({"reference": "Practitioner/d1"}, "subject"),
    "a malformed id": put("an id!", "id"),
    "an empty string": put("", "dosageInstruction", 0, "text"),
    "a null element": put(None, "authoredOn"),
    "an empty subject": put({}, "subject"),
}


def faulty(name: str) -> Json:
    """The good order with one of the twenty faults."""
    order = good_order()
    FAULTS[name](order)
    return order


def second_opinion(resource: Json) -> tuple[str, ...]:
    """What an independent validator (fhirkit-rs, in Rust) finds wrong; empty when it finds nothing."""
    return tuple(str(issue) for issue in fhirkit.validate(resource) if issue.severity == "error")
