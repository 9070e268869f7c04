"""FHIR data types as the sandbox writes them: concepts, quantities, dates."""

from datetime import date
from typing import Any

from service.sandbox.facts import Table, codes

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def concept(fact: Table) -> Resource:
    """A CodeableConcept from text and codings; a fact without codings is text only."""
    systems = codes()["systems"]
    codings = [coding(systems[system], code, display) for system, code, display in fact.get("codings", ())]
    return ({"coding": codings} if codings else {}) | {"text": fact["text"]}


def quantity(value: float, unit: str, shown: str | None = None) -> Resource:
    """A Quantity in UCUM; `shown` is what people read where UCUM is no word."""
    return {"value": value, "unit": shown or unit, "system": UCUM, "code": unit}


def interpretation(value: float, low: float, high: float) -> Resource:
    """The laboratory's flag: below, within or above its range."""
    code = "L" if value < low else "H" if value > high else "N"
    return {"coding": [coding(f"{TERMINOLOGY}/v3-ObservationInterpretation", code)]}


def years_before(day: date, years: int) -> date:
    """The same day so many years earlier; 29 February becomes the 28th."""
    if (day.month, day.day) == (2, 29):
        day = day.replace(day=28)
    return day.replace(year=day.year - years)


def age_on(today: date, born: date) -> int:
    """How many birthdays there were."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def moment(day: date) -> str:
    """Half past eight in the morning of a day, with its zone."""
    return f"{day.isoformat()}T08:30:00+00:00"


def loinc(entry: Table) -> Resource:
    """The CodeableConcept of an Observation."""
    return {
        "coding": [coding(codes()["systems"]["loinc"], entry["code"], entry["display"])],
        "text": entry.get("text", entry["display"]),
    }


def full_name(person: Resource) -> str:
    """A patient's name in one line, or else the id."""
    first: Resource = next(iter(person.get("name") or ()), {})
    said = " ".join([*(first.get("given") or ()), first.get("family") or ""]).strip()
    return said or str(first.get("text") or person.get("id"))


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A Coding; the display is left out where the code speaks for itself."""
    return {"system": system, "code": code} | ({"display": display} if display else {})
