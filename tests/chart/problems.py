"""The problem list of a chart: diseases, complaints, pregnancy, and what stands for a diet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from . import resources as fhir
from .codes import SYMPTOMS_WITH_CODE, Choice, Concept, attributable_neurology, concepts
from .facts import Facts, Problem
from .resources import Resource

LONG_STANDING, RECENT = 730, 5  # days ago: a disease of old, and a complaint of now
PREGNANT_SINCE = 100
STRONG = {"SCD_on_MRI": "subacute_combined_degeneration"}
DIET = {"vegan": ("vegan_education", ("vegan_anaemia", "vegetarian_anaemia", "diet_deficiency_past"))}


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
