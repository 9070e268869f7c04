"""Laboratory results as Observations, numbers and words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from . import resources as fhir
from .codes import SYSTEMS, Choice, loincs
from .facts import Facts, Lab
from .resources import Resource

# A result that is only said to be raised still has a number above a range in a chart.
RAISED = {"gastrin": (420, "pg/mL", 100)}
TITRES = {"positive": 40, "negative": 5}
TITRE_LIMIT = 20


def laboratory(facts: Facts, today: date, choice: Choice) -> Iterator[Resource]:
    for said in facts.labs:
        lab = said if isinstance(said, Lab) else Lab(analyte=said[0], value=said[1], unit=said[2])
        yield result(lab, today, choice)
    if "IF_Ab_positive" in facts.strong_picture:
        yield result(Lab(analyte="if_ab", value="positive"), today, choice)


def film(today: date, choice: Choice) -> Resource:
    """Hypersegmented neutrophils seen: the code a megaloblastic film carries."""
    return result(Lab(analyte="film", value="positive"), today, choice)


def result(lab: Lab, today: date, choice: Choice) -> Resource:
    taken = lab.dated or today - timedelta(days=lab.days_ago)
    if lab.value == "raised":
        value, unit, limit = RAISED[lab.analyte]
        raised = Lab(analyte=lab.analyte, value=value, unit=unit, range_high=limit, flag="H", dated=taken)
        return result(raised, today, choice)
    loinc = lab.loinc or choice.of(loincs(lab.analyte, lab.unit))
    code = {"coding": [{"system": SYSTEMS["loinc"], "code": loinc}], "text": lab.analyte}
    made = fhir.observation(code, taken, status=lab.status)
    if isinstance(lab.value, str):
        return {**made, **qualitative(lab, choice)}
    measured = fhir.quantity(lab.value, lab.unit)
    if lab.comparator:
        measured["comparator"] = lab.comparator
    made["valueQuantity"] = measured
    limits = {"low": lab.range_low, "high": lab.range_high}
    given = {name: fhir.quantity(limit, lab.unit) for name, limit in limits.items() if limit is not None}
    if given:
        made["referenceRange"] = [given]
    if lab.flag:
        made["interpretation"] = [fhir.status_code("v3-ObservationInterpretation", lab.flag)]
    return made


def qualitative(lab: Lab, choice: Choice) -> Resource:
    """Positive or negative, as a concept, as a word, or (for antibodies) as a titre with its range."""
    word = str(lab.value).capitalize()
    ways: list[Resource] = [{"valueCodeableConcept": {"text": word}}, {"valueString": word}]
    if lab.analyte in ("if_ab", "pca"):
        titre = {"value": TITRES[str(lab.value)], "unit": "units"}
        limit = {"high": {"value": TITRE_LIMIT, "unit": "units"}}
        ways.append({"valueQuantity": titre, "referenceRange": [limit]})
    return choice.of(ways)
