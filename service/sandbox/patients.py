"""The sandbox's charts: each synthetic patient as a transaction Bundle whose dates roll with today."""

import zlib
from collections.abc import Iterator
from datetime import date

from service.sandbox.elements import Resource
from service.sandbox.facts import SandboxPatient, background, codes, patients
from service.sandbox.resources import Writer, clinician

__all__ = ["SandboxPatient", "bundle", "patients"]


def bundle(patient: SandboxPatient, today: date) -> Resource:
    """The whole chart as a transaction of PUTs: the same patient and day give the same bytes."""
    writer = Writer(patient, today)
    chart = [clinician(), writer.person(), *_facts(writer), *_background(writer)]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": resource,
                "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
            }
            for resource in chart
        ],
    }


def _facts(writer: Writer) -> Iterator[Resource]:
    """What the rules read; ids say what a resource is, so that a card's reasons are easy to follow."""
    patient, known = writer.patient, codes()
    for number, lab in enumerate(patient.labs, start=1):
        yield writer.laboratory(f"{patient.id}-lab-{number}", lab)
    for number, (fact, months) in enumerate(patient.conditions, start=1):
        yield writer.condition(f"{patient.id}-problem-{number}", known["conditions"][fact], months)
    for number, (fact, months) in enumerate(patient.procedures, start=1):
        yield writer.procedure(f"{patient.id}-procedure-{number}", known["procedures"][fact], months)
    for number, (fact, months) in enumerate(patient.medicines, start=1):
        yield writer.medicine(f"{patient.id}-medicine-{number}", known["medicines"][fact], months)
    for number, fact in enumerate(patient.allergies, start=1):
        yield writer.allergy(f"{patient.id}-allergy-{number}", known["allergies"][fact])


def _background(writer: Writer) -> Iterator[Resource]:
    """What no rule reads; its ids begin with `other`, numbered through the chart."""
    for number, resource in enumerate(_others(writer), start=1):
        yield resource | {"id": f"other-{writer.patient.id}-{number}"}


def _others(writer: Writer) -> Iterator[Resource]:
    patient, other = writer.patient, background()
    for category, key in (("laboratory", "labs"), ("vital-signs", "vitals")):
        for entry in other[key]:
            for months in entry["months"]:
                value = _between(entry["low"], entry["high"], patient.id, entry["code"], str(months))
                yield writer.measured("", category, entry, value, months)
    pressure = other["blood_pressure"]
    for months in pressure["months"]:
        parts = (pressure["systolic"], pressure["diastolic"])
        pair = [float(round(_between(p["low"], p["high"], patient.id, p["code"], str(months)))) for p in parts]
        yield writer.blood_pressure("", pressure, pair, months)
    for entry in other["encounters"]:
        yield from (writer.encounter("", entry, months) for months in entry["months"])
    for entry in other["immunizations"]:
        yield from (writer.immunization("", entry, months) for months in entry["months"])
    for entry in other["conditions"]:
        if patient.age >= entry.get("from_age", 0):
            yield writer.condition("", entry, entry["months"], entry.get("resolved"))
    for entry in other["medicines"]:
        if patient.age >= entry.get("from_age", 0):
            yield writer.medicine("", entry, entry["months"], entry["status"])


def _between(low: float, high: float, *seed: str) -> float:
    """A value in the range that looks random and never changes."""
    share = zlib.crc32("/".join(seed).encode()) % 1000 / 999
    return round(low + share * (high - low), 1)
