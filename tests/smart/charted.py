"""A patient with a past: B12 falling for years, tablets tried, anaemia now, and pernicious anaemia found."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from service.domain.terms import Analyte
from service.knowledge.load import load

Json = dict[str, Any]
TODAY = date(2026, 3, 2)
PATIENT = "ada-anaemia"
_KNOWN = load().index


def _coding(analyte: Analyte, unit: str) -> Json:
    """A code of ours that measures a test in the property of a unit."""
    for (system, code), found in _KNOWN.tests.items():
        if found.test.analyte is analyte and found.test.units.get(found.property) == unit:
            return {"system": system, "code": code}
    raise LookupError(f"{analyte} in {unit}")


def _drug(name: str) -> Json:
    system, code = next(key for key, concept in _KNOWN.concepts.items() if concept.title == name and "rxnorm" in key[0])
    return {"system": system, "code": code, "display": name}


def _problem(title: str) -> Json:
    key = next(
        k
        for k, c in _KNOWN.concepts.items()
        if c.title == title and k[0].endswith("snomed.info/sct") and c.trust == "verified"
    )
    return {"system": key[0], "code": key[1], "display": title}


def ago(days: int, today: date = TODAY) -> str:
    return (today - timedelta(days=days)).isoformat()


def observation(
    name: str, analyte: Analyte, value: float, unit: str, days: int, today: date = TODAY, **rest: Any
) -> Json:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [_coding(analyte, unit)]},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": ago(days, today),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        **rest,
    }


def chart(today: date = TODAY) -> list[Json]:
    """Every resource of the patient."""
    patient = {
        "resourceType": "Patient",
        "id": PATIENT,
        "name": [{"given": ["Ada"], "family": "Anaemia"}],
        "gender": "female",
        "birthDate": "1961-05-04",
    }
    subject = {"reference": f"Patient/{PATIENT}"}
    condition = {
        "resourceType": "Condition",
        "id": "pernicious",
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "code": {"coding": [_problem("pernicious anaemia")], "text": "Pernicious anaemia"},
        "subject": subject,
        "onsetDateTime": ago(20, today),
    }
    tablets = {
        "resourceType": "MedicationRequest",
        "id": "tablets-before",
        "status": "completed",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [_drug("cyanocobalamin")],
            "text": "cyanocobalamin 50 microgram tablets",
        },
        "subject": subject,
        "authoredOn": ago(700, today),
        "dosageInstruction": [
            {
                "route": {"text": "Oral"},
                "timing": {
                    "repeat": {
                        "boundsPeriod": {"start": ago(700, today), "end": ago(520, today)},
                        "frequency": 1,
                        "period": 1,
                        "periodUnit": "d",
                    }
                },
            }
        ],
    }
    b12 = [(880, 210), (640, 260), (400, 190), (120, 140), (6, 96)]
    hb = [(880, 131), (640, 133), (400, 126), (120, 112), (6, 94)]
    mcv = [(880, 92), (400, 99), (120, 108), (6, 117)]
    results = [observation(f"b12-{n}", Analyte.B12, v, "ng/L", d, today) for n, (d, v) in enumerate(b12)]
    results += [observation(f"hb-{n}", Analyte.HAEMOGLOBIN, v, "g/L", d, today) for n, (d, v) in enumerate(hb)]
    results += [observation(f"mcv-{n}", Analyte.MCV, v, "fL", d, today) for n, (d, v) in enumerate(mcv)]
    results += [
        observation(f"mma-{n}", Analyte.MMA, v, "umol/L", d, today) for n, (d, v) in enumerate([(400, 0.31), (6, 1.2)])
    ]
    results += [
        observation(
            f"retic-{n}",
            Analyte.RETICULOCYTES,
            v,
            "%",
            d,
            today,
            referenceRange=[{"low": {"value": 0.5}, "high": {"value": 2.5}}],
        )
        for n, (d, v) in enumerate([(120, 1.1), (6, 0.6)])
    ]
    return [patient, condition, tablets, *results]
