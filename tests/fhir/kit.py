"""Small charts for the reading room: a resource as an EHR sends it, one element changed, and what is read of it."""

import json
from functools import cache
from typing import Any

from service.domain.record import Exposure, Finding, Problem, Record, Result, Unreadable
from service.fhir.pages import Item, sheet
from service.fhir.reading import Reader
from service.knowledge.load import load

Json = dict[str, Any]

SCT, LOINC = "http://snomed.info/sct", "http://loinc.org"
ICD_CM, ICD = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"
RX, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
DMD = "https://dmd.nhs.uk"
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
ME = {"reference": "Patient/p1"}

B12, B12_MOLES, MMA, HOMOCYSTEINE = "2132-9", "14685-2", "13964-2", "13965-9"
HAEMOGLOBIN, PLATELETS, EGFR, INR, POTASSIUM = "718-7", "777-3", "98979-8", "6301-6", "2823-3"
INTRINSIC_FACTOR, FILM, FOLATE = "31444-3", "765-8", "2284-8"
PERNICIOUS, PREGNANT = (SCT, "84027009"), (SCT, "77386006")
HYDROXO, CYANO, METFORMIN, CHLORAMPHENICOL = (ATC, "B03BA03"), (RX, "11248"), (RX, "6809"), (RX, "2348")


@cache
def the_reader() -> Reader:
    return Reader(load().index)


def coded(*codings: tuple[str, str], text: str | None = None) -> Json:
    concept: Json = {"coding": [{"system": system, "code": code} for system, code in codings]}
    return concept | ({"text": text} if text else {})


def status(system: str, code: str) -> Json:
    return coded((f"{TERMINOLOGY}/{system}", code))


def _made(base: Json, changes: Json) -> Json:
    return {name: value for name, value in (base | changes).items() if value is not ...}


def patient(**changes: Any) -> Json:
    return _made({"resourceType": "Patient", "id": "p1", "birthDate": "1960-05-01"}, changes)


def quantity(value: Any, ucum: str = "pg/mL", **changes: Any) -> Json:
    return _made({"value": value, "unit": ucum, "system": UCUM, "code": ucum}, changes)


def observation(loinc: str = B12, **changes: Any) -> Json:
    """A final result of 150 pg/mL; `...` takes an element away."""
    base = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": coded((LOINC, loinc)),
        "subject": ME,
        "effectiveDateTime": "2026-03-10",
        "valueQuantity": quantity(150),
    }
    return _made(base, changes)


def measured(loinc: str, value: Any, unit: str, **changes: Any) -> Json:
    return observation(loinc, valueQuantity=quantity(value, unit), **changes)


def worded(loinc: str, text: str, **changes: Any) -> Json:
    return observation(loinc, valueQuantity=..., valueString=text, **changes)


def condition(*codings: tuple[str, str], **changes: Any) -> Json:
    base = {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": status("condition-clinical", "active"),
        "verificationStatus": status("condition-ver-status", "confirmed"),
        "code": coded(*(codings or (PERNICIOUS,))),
        "subject": ME,
    }
    return _made(base, changes)


def procedure(*codings: tuple[str, str], **changes: Any) -> Json:
    base = {
        "resourceType": "Procedure",
        "id": "x1",
        "status": "completed",
        "code": coded(*(codings or ((SCT, "26452005"),))),
        "subject": ME,
        "performedDateTime": "2019-02-03",
    }
    return _made(base, changes)


def allergy(concept: Json | None = None, **changes: Any) -> Json:
    base = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "clinicalStatus": status("allergyintolerance-clinical", "active"),
        "verificationStatus": status("allergyintolerance-verification", "confirmed"),
        "code": concept if concept is not None else coded((RX, "11248")),
        "patient": ME,
    }
    return _made(base, changes)


def request(*codings: tuple[str, str], **changes: Any) -> Json:
    base = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": coded(*(codings or (HYDROXO,))),
        "subject": ME,
        "authoredOn": "2026-01-05",
    }
    return _made(base, changes)


def statement(*codings: tuple[str, str], **changes: Any) -> Json:
    base = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "active",
        "medicationCodeableConcept": coded(*(codings or (HYDROXO,))),
        "subject": ME,
        "effectivePeriod": {"start": "2026-01-05"},
    }
    return _made(base, changes)


def administration(*codings: tuple[str, str], **changes: Any) -> Json:
    base = {
        "resourceType": "MedicationAdministration",
        "id": "g1",
        "status": "completed",
        "medicationCodeableConcept": coded(*(codings or (HYDROXO,))),
        "subject": ME,
        "effectiveDateTime": "2026-01-05",
    }
    return _made(base, changes)


def encounter(**changes: Any) -> Json:
    """A kind of resource that is never read; it also sends its Bundle down the slower path."""
    return _made({"resourceType": "Encounter", "id": "e1", "status": "finished", "subject": ME}, changes)


def repeated(**repeat: Any) -> list[Json]:
    return [{"timing": {"repeat": repeat}}]


def bundle(*resources: Any, urls: dict[int, str] | None = None, **changes: Any) -> Json:
    named = urls or {}
    entries = [{"resource": r} | ({"fullUrl": named[n]} if n in named else {}) for n, r in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | changes


def items_of(document: Json | bytes) -> tuple[Item, ...]:
    return sheet(document if isinstance(document, bytes) else json.dumps(document).encode()).items


def read(*resources: Any, patient_id: str | None = "p1", urls: dict[int, str] | None = None) -> Record:
    return the_reader().read(items_of(bundle(*resources, urls=urls)), patient_id)


def only_result(*resources: Any) -> Result:
    record = read(*resources)
    (result,) = record.results
    assert record.unreadable == ()
    return result


def only_problem(*resources: Any) -> Problem:
    (problem,) = read(*resources).problems
    return problem


def only_exposure(*resources: Any) -> Exposure:
    record = read(*resources)
    (exposure,) = record.exposures
    assert record.unreadable == ()
    return exposure


def only_allergy(*resources: Any) -> Finding:
    (finding,) = read(*resources).allergies
    return finding


def only_told(*resources: Any) -> Unreadable:
    """The one thing that is told, when nothing else was read."""
    record = read(*resources)
    assert (record.results, record.problems, record.procedures, record.exposures) == ((), (), (), ())
    assert (record.allergies, record.states) == ((), ())
    (told,) = record.unreadable
    return told


def nothing_read(*resources: Any) -> bool:
    """Whether nothing was read and nothing is told."""
    record = read(*resources)
    read_ = (*record.results, *record.problems, *record.procedures, *record.exposures, *record.allergies)
    return (*read_, *record.states, *record.unreadable) == ()
