"""Facts in, a FHIR R4 Bundle out: the chart an EHR would hold for this patient."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from . import resources as fhir
from .codes import SYMPTOMS_WITH_CODE, Choice, Concept, attributable_neurology, concepts
from .facts import Allergy, Facts, Operation, Problem
from .laboratory import film, laboratory
from .medicines import medicines
from .resources import Resource

SERVER = "http://ehr.example.org/fhir"
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
LONG_STANDING, RECENT = 730, 5  # days ago: a disease of old, and a complaint of now
PREGNANT_SINCE = 100
STRONG = {"SCD_on_MRI": "subacute_combined_degeneration"}
DIET = {"vegan": ("vegan_education", ("vegan_anaemia", "vegetarian_anaemia", "diet_deficiency_past"))}


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
        yield family_history(risk)
    if "megaloblastic_film" in facts.strong_picture:
        yield film(today, choice)
    yield from laboratory(facts, today, choice)


def problems(facts: Facts, today: date, choice: Choice) -> Iterator[Resource]:
    """The problem list, pregnancy and symptoms included."""

    def entry(code: Concept, days_ago: int) -> Resource:
        return fhir.condition(code, today - timedelta(days=days_ago))

    for said in facts.conditions:
        yield problem(Problem(name=said) if isinstance(said, str) else said, today, choice)
    if facts.neuro and "SCD_on_MRI" not in facts.strong_picture:
        yield entry(choice.of(attributable_neurology()), RECENT)
    for picture in facts.strong_picture:
        if picture in STRONG:
            yield entry(choice.of(concepts("conditions", STRONG[picture])), RECENT)
    if facts.n2o:
        yield entry(choice.of(concepts("conditions", "inhalant_abuse")), 30)
        yield entry(choice.of(concepts("conditions", "n2o_adverse")), 30)
    if facts.pregnant:
        yield pregnancy(today, choice)
    if facts.breastfeeding:
        yield entry(choice.of(concepts("conditions", "breastfeeding")), 60)
    if facts.poor_adherence:
        yield entry(choice.of(concepts("conditions", "poor_adherence")), 60)
    for symptom in facts.symptoms:
        yield entry(choice.of(concepts("conditions", SYMPTOMS_WITH_CODE.get(symptom, symptom))), RECENT)


def problem(said: Problem, today: date, choice: Choice) -> Resource:
    days = LONG_STANDING if said.days_ago is None else said.days_ago
    made = fhir.condition(
        choice.of(concepts("conditions", said.name)),
        today - timedelta(days=days),
        clinical=said.clinical,
        verification=said.verification,
    )
    if said.ended_days_ago is not None:
        made["abatementDateTime"] = (today - timedelta(days=said.ended_days_ago)).isoformat()
    return made


def pregnancy(today: date, choice: Choice) -> Resource:
    """A Condition, or the pregnancy status Observation."""
    since = today - timedelta(days=PREGNANT_SINCE)
    stated = concepts("conditions", "pregnant")
    listed = [fhir.condition(code, since) for code in stated]
    code = {"coding": [{"system": "http://loinc.org", "code": "82810-3", "display": "Pregnancy status"}]}
    observed = fhir.observation(code, today - timedelta(days=RECENT), category="social-history")
    return choice.of([*listed, {**observed, "valueCodeableConcept": stated[-1]}])


def diet(kind: str, today: date, choice: Choice) -> Resource:
    """A diet has no verified finding code: dietary advice given, or the anaemia that names it."""
    education, anaemias = DIET[kind]
    advised = fhir.procedure(concepts("procedures", education)[0], today - timedelta(days=400))
    return choice.of(
        [advised]
        + [
            fhir.condition(code, today - timedelta(days=LONG_STANDING))
            for name in anaemias
            for code in concepts("conditions", name)
        ]
    )


def family_history(risk: str) -> Resource:
    """A risk in the family, in words."""
    return {
        "resourceType": "FamilyMemberHistory",
        "status": "completed",
        "patient": {"reference": fhir.PATIENT},
        "relationship": {"text": "mother"},
        "condition": [{"code": {"text": risk.replace("_", " ")}}],
    }
