"""The thin chart beside the cards: the results that matter here, problems, orders, procedures, allergies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from service.sandbox.ehr import SandboxEhr
from service.sandbox.elements import years_before
from service.sandbox.facts import codes, patients
from service.sandbox.views import words
from service.sandbox.wire import Json

RESULTS = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the chart: what, a value or a state, and when."""

    what: str
    value: str
    when: str


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of lines."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient as the page shows them."""

    name: str
    who: str
    shows: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One patient in the list to choose from."""

    id: str
    name: str
    shows: str


def roll(ehr: SandboxEhr) -> tuple[Entry, ...]:
    """Everyone on the FHIR server, with what the sandbox made them for."""
    stories = {patient.id: patient.shows for patient in patients()}
    return tuple(Entry(each["id"], name(each), stories.get(each["id"], "")) for each in ehr.patients())


def chart(ehr: SandboxEhr, patient_id: str, today: date) -> Chart:
    """Read a chart from the FHIR server."""
    person = ehr.read(f"Patient/{patient_id}")
    stories = {patient.id: patient.shows for patient in patients()}

    def every(kind: str) -> tuple[Json, ...]:
        return ehr.search(f"{kind}?patient={patient_id}&_count=200")

    orders = [*every("MedicationRequest"), *every("ServiceRequest")]
    results = ehr.search(f"Observation?patient={patient_id}&category=laboratory&_sort=-date&_count=200")
    sections = (
        Section("Results", tuple(_results(results))[:RESULTS]),
        Section("Problems", tuple(_problems(every("Condition")))),
        Section("Medicines and orders", tuple(_orders(orders))),
        Section(
            "Procedures",
            tuple(Line(words(p.get("code")), "", _day(p, "performedDateTime")) for p in every("Procedure")),
        ),
        Section("Allergies", tuple(Line(words(a.get("code")), "", "") for a in every("AllergyIntolerance"))),
    )
    return Chart(name(person), _who(person, today), stories.get(patient_id, ""), sections)


def name(person: Json) -> str:
    """A patient's name in one line."""
    first: Json = next(iter(person.get("name") or ()), {})
    return " ".join([*(first.get("given") or ()), first.get("family") or ""]).strip() or str(person.get("id"))


def _who(person: Json, today: date) -> str:
    born = str(person.get("birthDate") or "")
    if len(born) != len("2000-01-01"):
        return str(person.get("gender") or "")
    birthday, age = date.fromisoformat(born), 0
    while years_before(today, age + 1) >= birthday:
        age += 1
    return f"{age} years, {person.get('gender', 'sex not recorded')}, born {born}"


def _results(observations: Iterable[Json]) -> Iterator[Line]:
    known = {analyte["code"] for analyte in codes()["laboratory"].values()}
    for found in observations:
        concept: Json = found.get("code") or {}
        if any(coding.get("code") in known for coding in concept.get("coding") or ()):
            flag = next((c.get("code") for i in found.get("interpretation") or () for c in i.get("coding") or ()), "")
            value = _value(found) + {"L": " (low)", "H": " (high)"}.get(str(flag), "")
            yield Line(words(concept), value, _day(found, "effectiveDateTime"))


def _value(found: Json) -> str:
    if quantity := found.get("valueQuantity"):
        return f"{quantity.get('comparator', '')}{quantity.get('value')} {quantity.get('unit', '')}"
    return (
        words(found["valueCodeableConcept"]) if "valueCodeableConcept" in found else str(found.get("valueString", ""))
    )


def _problems(conditions: Iterable[Json]) -> Iterator[Line]:
    for found in conditions:
        states = (found.get("clinicalStatus") or {}).get("coding") or ()
        if any(state.get("code") == "active" for state in states):
            yield Line(words(found.get("code")), "", _day(found, "onsetDateTime"))


def _orders(orders: Iterable[Json]) -> Iterator[Line]:
    """Drafts first, because someone must still decide on them; what is over is left out."""
    shown = {"draft": "draft, not signed", "active": "active"}
    for status, state in shown.items():
        for order in orders:
            if order.get("status") == status:
                what = words(order.get("medicationCodeableConcept") or order.get("code"))
                yield Line(what, state, _day(order, "authoredOn"))


def _day(resource: Json, element: str) -> str:
    return str(resource.get(element) or "")[:10]
