"""The chart beside the cards: results over time, problems, medicines and orders, allergies, procedures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from service.sandbox.ehr import SandboxEhr
from service.sandbox.elements import age_on, full_name
from service.sandbox.facts import codes, patients
from service.sandbox.trends import Trend, said, trends
from service.sandbox.views import words
from service.sandbox.wire import Json

OTHERS = 40
# In the words of the service's templates, where it asks for the same: so a page reads each only once.
KINDS = {
    "Observation": "category=laboratory&_sort=-date&_count=500",
    "ServiceRequest": "_count=200",
    "MedicationRequest": "_count=200",
    "MedicationStatement": "_count=200",
    "Condition": "_count=200",
    "Procedure": "_count=200",
    "AllergyIntolerance": "_count=100",
}
# Drafts first, because someone must still decide on them; what is over is left out.
SHOWN = {"draft": "draft, not signed", "active": "active", "on-hold": "on hold"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the chart: what, a value or a state, and when; a draft can be opened by its id."""

    what: str
    value: str
    when: str
    draft: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of lines; where it is empty it says so in its own words."""

    title: str
    lines: tuple[Line, ...]
    empty: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient as the page shows them."""

    id: str
    name: str
    who: str
    shows: str
    trends: tuple[Trend, ...]
    others: tuple[Line, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One patient in the list to choose from."""

    id: str
    name: str
    who: str
    shows: str


def roll(ehr: SandboxEhr, today: date, name: str = "") -> tuple[Entry, ...]:
    """Everyone on the FHIR server, or those of a name, with what the sandbox made them for."""
    stories = {patient.id: patient.shows for patient in patients()}
    places = {identity: place for place, identity in enumerate(stories)}
    found = sorted(ehr.patients(name), key=lambda each: places.get(each["id"], len(places)))
    return tuple(Entry(each["id"], full_name(each), _who(each, today), stories.get(each["id"], "")) for each in found)


def queries(patient_id: str) -> dict[str, str]:
    """What a chart is made of, by type."""
    return {kind: f"{kind}?patient={patient_id}&{more}" for kind, more in KINDS.items()}


def chart(ehr: SandboxEhr, patient_id: str, today: date) -> Chart:
    """Read a chart from the FHIR server."""
    person = ehr.read(f"Patient/{patient_id}")
    had = {kind: ehr.search(query) for kind, query in queries(patient_id).items()}
    known = {analyte["code"] for analyte in codes()["laboratory"].values()}
    own = [each for each in had["Observation"] if _codes(each) & known]
    others = [each for each in had["Observation"] if not _codes(each) & known]
    orders = [*had["MedicationRequest"], *had["ServiceRequest"], *had["MedicationStatement"]]
    sections = (
        Section("Problems", tuple(_problems(had["Condition"])), "No problem on record."),
        Section("Medicines and orders", tuple(_orders(orders)), "No active medicine or order."),
        Section("Allergies", tuple(_allergies(had["AllergyIntolerance"])), "No allergy on record."),
        Section(
            "Procedures",
            tuple(Line(words(p.get("code")), "", _day(p, "performedDateTime")) for p in had["Procedure"]),
            "No procedure on record.",
        ),
    )
    return Chart(
        id=patient_id,
        name=full_name(person),
        who=_who(person, today),
        shows={patient.id: patient.shows for patient in patients()}.get(patient_id, ""),
        trends=trends(own, today),
        others=tuple(_others(others))[:OTHERS],
        sections=sections,
    )


def _who(person: Json, today: date) -> str:
    born = str(person.get("birthDate") or "")
    sex = str(person.get("gender") or "sex not recorded")
    if len(born) != len("2000-01-01"):
        return sex
    return f"{age_on(today, date.fromisoformat(born))} years, {sex}, born {born}"


def _codes(found: Json) -> set[str]:
    return {str(coding.get("code")) for coding in (found.get("code") or {}).get("coding") or ()}


def _others(observations: Iterable[Json]) -> Iterator[Line]:
    for found in observations:
        yield Line(words(found.get("code")), said(found), _day(found, "effectiveDateTime"))


def _problems(conditions: Iterable[Json]) -> Iterator[Line]:
    for found in conditions:
        states = (found.get("clinicalStatus") or {}).get("coding") or ({"code": "active"},)
        if any(state.get("code") in {"active", "recurrence", "relapse"} for state in states):
            yield Line(words(found.get("code")), "", _day(found, "onsetDateTime") or _day(found, "recordedDate"))


def _orders(orders: Iterable[Json]) -> Iterator[Line]:
    for status, state in SHOWN.items():
        for order in orders:
            if order.get("status") == status:
                what = words(order.get("medicationCodeableConcept") or order.get("code"))
                draft = order["id"] if (status, order["resourceType"]) == ("draft", "MedicationRequest") else None
                yield Line(what, state, _day(order, "authoredOn"), draft)


def _allergies(found: Iterable[Json]) -> Iterator[Line]:
    for each in found:
        signs = (sign for reaction in each.get("reaction") or () for sign in reaction.get("manifestation") or ())
        yield Line(words(each.get("code")), ", ".join(map(words, signs)), _day(each, "recordedDate"))


def _day(resource: Json, element: str) -> str:
    return str(resource.get(element) or "")[:10]
