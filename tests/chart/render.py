"""Facts in, a FHIR R4 Bundle out: the chart an EHR would hold for this patient."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from . import resources as fhir
from .codes import Choice, concepts
from .facts import Allergy, Facts, Operation
from .laboratory import film, laboratory
from .medicines import medicines
from .problems import LONG_STANDING, diet, problems
from .resources import Resource

SERVER = "http://ehr.example.org/fhir"
FAMILY = {"family_history_pa": "pernicious anaemia"}
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"


def bundle(facts: Facts, today: date, choice: Choice) -> Resource:
    """The whole chart as one collection Bundle; every resource has an id and a fullUrl."""
    return bundle_of([patient(facts, today), *numbered(chart(facts, today, choice))])


def bundle_of(resources: list[Resource]) -> Resource:
    entries = [{"fullUrl": f"{SERVER}/{each['resourceType']}/{each['id']}", "resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def numbered(resources: Iterator[Resource]) -> list[Resource]:
    """The resources with ids that say what they are: condition-1, condition-2, observation-1."""
    seen: dict[str, int] = {}
    named = []
    for each in resources:
        kind = each["resourceType"]
        seen[kind] = seen.get(kind, 0) + 1
        named.append({"resourceType": kind, "id": f"{kind.lower()}-{seen[kind]}", **each})
    return named


def ways(facts: Facts, today: date) -> int:
    """How many alternatives the chart has: rendering that many shows each at least once."""
    choice = Choice.nth(0)
    bundle(facts, today, choice)
    return choice.widest


def patient(facts: Facts, today: date) -> Resource:
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "id": fhir.PATIENT.split("/")[1],
        "name": [{"text": "Test Patient"}],
        "gender": {"F": "female", "M": "male"}[facts.sex],
    }
    if facts.age is not None:
        made["birthDate"] = born(facts, today).isoformat()
    if facts.deceased:
        made["deceasedBoolean"] = True
    if facts.black_ethnicity:
        made["extension"] = [{"url": RACE, "extension": [{"url": "text", "valueString": "Black or African American"}]}]
    return made


def born(facts: Facts, today: date) -> date:
    """The birth date that gives this age today; `tomorrow` is the day before the next birthday."""
    age = facts.age or 0
    if facts.birthday == "today":
        return fhir.months_before(today, 12 * age)
    if facts.birthday == "tomorrow":
        return fhir.months_before(today, 12 * (age + 1)) + timedelta(days=1)
    return fhir.months_before(today, 12 * age + 5)


def chart(facts: Facts, today: date, choice: Choice) -> Iterator[Resource]:
    """Everything but the patient."""
    yield from problems(facts, today, choice)
    for said in facts.procedures:
        operation = Operation(name=said) if isinstance(said, str) else said
        done = today - timedelta(days=operation.days_ago)
        yield fhir.procedure(choice.of(concepts("procedures", operation.name)), done, status=operation.status)
    if facts.diet:
        yield diet(facts.diet, today, choice)
    yield from medicines(facts, today, choice)
    for each in facts.allergies:
        refusal = Allergy(name=each) if isinstance(each, str) else each
        code = choice.of(concepts("allergies", refusal.name))
        recorded = today - timedelta(days=LONG_STANDING)
        yield fhir.allergy(code, recorded, clinical=refusal.clinical, verification=refusal.verification)
    for risk in facts.risk:
        yield family_history(risk, choice)
    if "megaloblastic_film" in facts.strong_picture:
        yield film(today, choice)
    yield from laboratory(facts, today, choice)


def family_history(risk: str, choice: Choice) -> Resource:
    """A risk in the family, in words or coded."""
    code = choice.of([{"text": FAMILY[risk].capitalize()}, *concepts("conditions", FAMILY[risk].replace(" ", "_"))])
    return {
        "resourceType": "FamilyMemberHistory",
        "status": "completed",
        "patient": {"reference": fhir.PATIENT},
        "relationship": {"text": "mother"},
        "condition": [{"code": code}],
    }
