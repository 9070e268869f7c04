"""The rest of a real chart: resources that have nothing to do with vitamin B12."""

from __future__ import annotations

import random
from datetime import date, timedelta

from . import resources as fhir
from .codes import SYSTEMS, Concept
from .resources import Resource

SODIUM = ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", (136, 145))
CHLORIDE = ("2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", (98, 107))
CALCIUM = ("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", (9, 10))
PULSE = ("8867-4", "Heart rate", "/min", (58, 96))
SYSTOLIC = ("8480-6", "Systolic blood pressure", "mm[Hg]", (108, 142))
WEIGHT = ("29463-7", "Body weight", "kg", (55, 96))
MEASURED = ((SODIUM, "laboratory"), (CHLORIDE, "laboratory"), (CALCIUM, "laboratory"))
WATCHED = ((PULSE, "vital-signs"), (SYSTOLIC, "vital-signs"), (WEIGHT, "vital-signs"))
COMPLAINTS = ("ankle sprain", "seasonal rhinitis", "sunburn", "ingrown toenail", "wrist fracture, healed")
REMEDIES = ("loratadine 10 mg tablet", "ibuprofen 200 mg tablet", "saline nasal drops")
DONE = ("influenza vaccination visit", "removal of ear wax", "dental cleaning")


def noise(today: date, seed: int, count: int = 36) -> list[Resource]:
    """So many irrelevant resources of many kinds, the same for the same seed; their ids begin with noise-."""
    chance = random.Random(seed)
    makers = (_result, _result, _vital, _complaint, _remedy, _done, _visit, _shot)
    made = []
    for number in range(count):
        day = today - timedelta(days=chance.randint(1, 700))
        each = makers[number % len(makers)](chance, day)
        made.append({"resourceType": each["resourceType"], "id": f"noise-{seed}-{number}", **each})
    return made


def _measured(said: tuple[str, str, str, tuple[int, int]], category: str, chance: random.Random, day: date) -> Resource:
    loinc, display, unit, (low, high) = said
    code = {"coding": [{"system": SYSTEMS["loinc"], "code": loinc, "display": display}], "text": display}
    made = fhir.observation(code, day, category=category)
    return {**made, "valueQuantity": fhir.quantity(chance.randint(low, high), unit)}


def _result(chance: random.Random, day: date) -> Resource:
    return _measured(*chance.choice(MEASURED), chance, day)


def _vital(chance: random.Random, day: date) -> Resource:
    return _measured(*chance.choice(WATCHED), chance, day)


def _complaint(chance: random.Random, day: date) -> Resource:
    return fhir.condition(_words(chance.choice(COMPLAINTS)), day, clinical="resolved")


def _remedy(chance: random.Random, day: date) -> Resource:
    return fhir.medication_request(_words(chance.choice(REMEDIES)), day, status="completed")


def _done(chance: random.Random, day: date) -> Resource:
    return fhir.procedure(_words(chance.choice(DONE)), day)


def _visit(chance: random.Random, day: date) -> Resource:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": f"{fhir.TERMINOLOGY}/v3-ActCode", "code": "AMB"},
        "subject": {"reference": fhir.PATIENT},
        "period": {"start": f"{day.isoformat()}T09:{chance.randint(10, 59)}:00Z"},
    }


def _shot(chance: random.Random, day: date) -> Resource:
    return {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": _words(chance.choice(("influenza vaccine", "tetanus vaccine"))),
        "patient": {"reference": fhir.PATIENT},
        "occurrenceDateTime": day.isoformat(),
    }


def _words(text: str) -> Concept:
    return {"text": text}
