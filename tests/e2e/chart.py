"""One small chart that every protocol speaks about: a low B12 of today, with names and numbers a log must not hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

SEEDED = (
    "pat-7731",
    "Quillfeather",
    "Zebedee",
    "NHS-9434765919",
    "1949-11-03",
    "Larkspur Lane",
    "prac-5512",
    "enc-8823",
)


def low_b12(**changes: Any) -> dict[str, Any]:
    """A patient-view request; a change to `...` leaves an element out."""
    today = datetime.now(UTC).date().isoformat()
    patient = {
        "resourceType": "Patient",
        "id": "pat-7731",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "NHS-9434765919"}],
        "name": [{"family": "Quillfeather", "given": ["Zebedee"]}],
        "birthDate": "1949-11-03",
        "gender": "male",
        "address": [{"line": ["3 Larkspur Lane"]}],
    }
    b12 = {
        "resourceType": "Observation",
        "id": "obs-1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2132-9"}]},
        "subject": {"reference": "Patient/pat-7731"},
        "effectiveDateTime": today,
        "valueQuantity": {"value": 90, "unit": "ng/L", "system": "http://unitsofmeasure.org", "code": "ng/L"},
    }
    empty = {"resourceType": "Bundle", "type": "searchset"}
    keys = ("bloods", "conditions", "medicationRequests", "medicationStatements", "medicationAdministrations")
    whole: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": "3f2a9c1e-4b7d-4e8a-9c55-0d1e2f3a4b5c",
        "context": {"userId": "Practitioner/prac-5512", "patientId": "pat-7731", "encounterId": "enc-8823"},
        "prefetch": {
            "patient": patient,
            "b12": {**empty, "entry": [{"resource": b12}]},
            **dict.fromkeys((*keys, "allergies", "procedures", "familyHistory"), empty),
        },
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}
