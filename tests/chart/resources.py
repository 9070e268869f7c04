"""FHIR R4 resources, one function a kind; dates and codes come in, nothing is decided here."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from .codes import SYSTEMS, Concept

Resource = dict[str, Any]

PATIENT = "Patient/patient-1"
UCUM = "http://unitsofmeasure.org"
# A laboratory prints square metres its own way; UCUM spells them in an annotation.
UCUM_OF_PRINTED = {"mL/min/1.73m2": "mL/min/{1.73_m2}"}
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
ROUTES = {
    "intramuscular": ("78421000", "Intramuscular route (qualifier value)"),
    "subcutaneous": ("34206005", "Subcutaneous route (qualifier value)"),
    "oral": ("26643006", "Oral route (qualifier value)"),
    "nasal": ("46713006", "Nasal route (qualifier value)"),
}


def status_code(system: str, code: str) -> Concept:
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code}]}


def quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": UCUM_OF_PRINTED.get(unit, unit)}


def route(name: str) -> Concept:
    code, display = ROUTES[name]
    return {"coding": [{"system": SYSTEMS["sct"], "code": code, "display": display}], "text": name}


def condition(code: Concept, recorded: date, *, clinical: str = "active", verification: str = "confirmed") -> Resource:
    made: Resource = {
        "resourceType": "Condition",
        "verificationStatus": status_code("condition-ver-status", verification),
        "category": [status_code("condition-category", "problem-list-item")],
        "code": code,
        "subject": {"reference": PATIENT},
        "recordedDate": recorded.isoformat(),
    }
    # con-5: an entry made in error has no clinical status.
    if verification != "entered-in-error":
        made["clinicalStatus"] = status_code("condition-clinical", clinical)
    return made


def observation(code: Concept, taken: date, *, category: str = "laboratory", status: str = "final") -> Resource:
    return {
        "resourceType": "Observation",
        "status": status,
        "category": [status_code("observation-category", category)],
        "code": code,
        "subject": {"reference": PATIENT},
        "effectiveDateTime": f"{taken.isoformat()}T08:30:00Z",
    }


def procedure(code: Concept, done: date, *, status: str = "completed") -> Resource:
    return {
        "resourceType": "Procedure",
        "status": status,
        "code": code,
        "subject": {"reference": PATIENT},
        "performedDateTime": done.isoformat(),
    }


def medication_request(
    code: Concept,
    start: date,
    *,
    status: str = "active",
    intent: str = "order",
    dosage: Resource | None = None,
) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "intent": intent,
        "medicationCodeableConcept": code,
        "subject": {"reference": PATIENT},
        "authoredOn": start.isoformat(),
        **({"dosageInstruction": [dosage]} if dosage else {}),
    }


def medication_statement(
    code: Concept,
    start: date,
    end: date | None = None,
    *,
    status: str = "active",
    dosage: Resource | None = None,
) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "status": status,
        "medicationCodeableConcept": code,
        "subject": {"reference": PATIENT},
        "effectivePeriod": {"start": start.isoformat(), **({"end": end.isoformat()} if end else {})},
        **({"dosage": [dosage]} if dosage else {}),
    }


def medication_administration(code: Concept, given: date, by: str) -> Resource:
    return {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": code,
        "subject": {"reference": PATIENT},
        "effectiveDateTime": f"{given.isoformat()}T10:00:00Z",
        "dosage": {"route": route(by)} if by in ROUTES else {"text": by},
    }


def allergy(code: Concept, recorded: date, *, clinical: str, verification: str) -> Resource:
    made: Resource = {
        "resourceType": "AllergyIntolerance",
        "verificationStatus": status_code("allergyintolerance-verification", verification),
        "code": code,
        "patient": {"reference": PATIENT},
        "recordedDate": recorded.isoformat(),
    }
    if verification != "entered-in-error":
        made["clinicalStatus"] = status_code("allergyintolerance-clinical", clinical)
    return made


def months_before(day: date, months: float) -> date:
    """The same day of an earlier month, or its last; a fraction of a month counts in 30ths."""
    whole = int(months)
    year, month = divmod(day.year * 12 + day.month - 1 - whole, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last)) - timedelta(days=round((months - whole) * 30))
