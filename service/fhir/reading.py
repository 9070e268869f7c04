"""From FHIR resources to the Record: only what matters, tolerantly, and nothing lost in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from service.domain.index import CodeIndex
from service.domain.record import Exposure, Finding, Problem, Record, Result, Unreadable, When, record_of
from service.domain.terms import Role
from service.fhir import dates
from service.fhir.findings import allergies, problems, procedures, results
from service.fhir.measures import Units, units_of
from service.fhir.medicines import exposures
from service.fhir.pages import Broken, Item, Other
from service.fhir.shapes import (
    NOTHING,
    AllergyIntolerance,
    CodeableConcept,
    Condition,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Observation,
    OperationOutcome,
    Patient,
    Procedure,
    Readable,
)

_MEDICATION = re.compile(r"Medication/[A-Za-z0-9\-.]{1,64}")


class OtherPatient(Exception):
    """A resource belongs to another patient; the message names the resource, never the person."""


@dataclass(slots=True)
class _Draft:
    """The record while it is being read."""

    results: list[Result] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    procedures: list[Finding] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    allergies: list[Finding] = field(default_factory=list)
    states: list[Finding] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads resources with the codes it was handed; built once at start."""

    index: CodeIndex
    units: Units

    def read(self, items: Iterable[Item], patient_id: str | None, unchecked: tuple[str, ...] = ()) -> Record:
        """Return the record in resources; raises OtherPatient when one is another patient's."""
        latest = _latest(items)
        patient = _the_patient(latest, patient_id)
        who = _Who(patient_id or (patient[1].id if patient else None), patient[0] if patient else None)
        medications = _medications(latest)
        draft = _Draft()
        for name, item in latest:
            resource = item.resource
            who.check(name, resource)
            if isinstance(resource, Observation):
                _sort(results(resource, name, self.index, self.units), draft)
            elif isinstance(resource, Condition):
                draft.problems += problems(resource, name, self.index)
            elif isinstance(resource, MedicationRequest | MedicationStatement | MedicationAdministration):
                self._medicine(resource, name, medications, draft)
            elif isinstance(resource, Procedure):
                draft.procedures += procedures(resource, name, self.index)
            elif isinstance(resource, AllergyIntolerance):
                draft.allergies += allergies(resource, name, self.index)
            elif isinstance(resource, Broken):
                self._broken(resource, draft)
        person = patient[1] if patient else None
        return record_of(
            draft.results,
            patient=who.id,
            birth=_birth(person, draft),
            deceased=bool(person and (person.deceasedBoolean or person.deceasedDateTime)),
            black_ethnicity=self._black(person),
            problems=_in_order(draft.problems),
            procedures=_in_order(draft.procedures),
            exposures=_in_order(draft.exposures),
            allergies=_in_order(draft.allergies),
            states=_in_order(draft.states),
            unreadable=tuple(sorted(draft.unreadable, key=lambda u: (u.resource, u.why))),
            unchecked=unchecked,
        )

    def _medicine(
        self,
        resource: MedicationRequest | MedicationStatement | MedicationAdministration,
        name: str,
        medications: dict[str, Medication],
        draft: _Draft,
    ) -> None:
        code = resource.medicationCodeableConcept
        if code is None and resource.medicationReference is not None:
            code = _referenced(resource, medications)
            if code is None:
                display = resource.medicationReference.display
                draft.unreadable.append(Unreadable(name, "its medicine is a reference that could not be followed"))
                code = CodeableConcept(text=display) if display else None
        if code is not None:
            draft.exposures += exposures(resource, code, name, self.index)

    def _broken(self, broken: Broken, draft: _Draft) -> None:
        """Tell of a resource that could not be read, unless its codes show that it never mattered."""
        tests, concepts = self.index.tests, self.index
        codes = broken.codes
        if codes is not None and codes and broken.kind != "AllergyIntolerance":
            mattering = [c for c in codes if c in tests or concepts.concept(*c) is not None]
            if not mattering:
                return
            test = next((tests[c].test for c in mattering if c in tests), None)
            analyte = test.analyte if test else None
            draft.unreadable.append(Unreadable(broken.resource, broken.why, analyte))
            return
        hazard = broken.kind == "AllergyIntolerance"
        draft.unreadable.append(Unreadable(broken.resource, broken.why, hazard=hazard))

    def _black(self, person: Patient | None) -> bool:
        """Return whether an ethnicity extension says Black in words; there is no verified code."""
        if person is None or person.extension is NOTHING:
            return False
        words = [word for word, concept in self.index.words if Role.ETHNICITY in concept.roles]
        try:
            texts = _texts(msgspec.json.decode(person.extension))
        except msgspec.DecodeError:
            return False
        return any(word in text.lower() for text in texts for word in words)


def reader(index: CodeIndex) -> Reader:
    """Return a reader with every usual unit worked out."""
    return Reader(index, units_of(index))


@dataclass(frozen=True, slots=True)
class _Who:
    """The one patient all resources must belong to."""

    id: str | None
    full_url: str | None

    def check(self, name: str, resource: Readable | Broken | Other) -> None:
        """Raise OtherPatient when a resource says it is about somebody else."""
        if isinstance(resource, Patient | Medication | OperationOutcome | Broken):
            if isinstance(resource, Patient) and self.id is not None and resource.id != self.id:
                raise OtherPatient("there is more than one patient")
            return
        if isinstance(resource, Other):
            owner = resource.owner
        else:
            subject = resource.patient if isinstance(resource, AllergyIntolerance) else resource.subject
            owner = subject.reference if subject else None
        if owner and self.id is not None and not self._same(owner):
            raise OtherPatient(f"{name} belongs to another patient")

    def _same(self, owner: str) -> bool:
        if owner == self.full_url:
            return True
        if owner.startswith("urn:"):
            return owner.rpartition(":")[2] == self.id
        kind, _, name = owner.partition("/_history/")[0].rpartition("/")
        return name == self.id if kind.rpartition("/")[2] in ("Patient", "") else True


def _name(item: Item) -> str:
    resource = item.resource
    if isinstance(resource, Broken):
        return resource.resource
    if isinstance(resource, Other):
        return resource.kind
    kind = type(resource).__name__
    return f"{kind}/{resource.id}" if resource.id else item.full_url or kind


def _latest(items: Iterable[Item]) -> list[tuple[str, Item]]:
    """Return each resource once by its name, of two versions the later; the nameless all stay."""
    found: dict[object, tuple[str, Item]] = {}
    for place, item in enumerate(items):
        name = _name(item)
        nameless = isinstance(item.resource, Other) or ("/" not in name and ":" not in name)
        key: object = (name, place) if nameless else name
        known = found.get(key)
        if known is None or _version(item) > _version(known[1]):
            found[key] = (name, item)
    return list(found.values())


def _version(item: Item) -> tuple[str, int, str]:
    resource = item.resource
    if isinstance(resource, Broken | Other):
        return ("", 0, repr(resource))
    meta = resource.meta
    number = meta.versionId if meta and meta.versionId else ""
    return (meta.lastUpdated or "" if meta else "", int(number) if number.isdigit() else 0, repr(resource))


def _the_patient(latest: list[tuple[str, Item]], patient_id: str | None) -> tuple[str | None, Patient] | None:
    people = [(i.full_url, i.resource) for _, i in latest if isinstance(i.resource, Patient)]
    if len(people) > 1:
        raise OtherPatient("there is more than one patient")
    if people and patient_id is not None and people[0][1].id != patient_id:
        raise OtherPatient("the Patient is another patient")
    return people[0] if people else None


def _medications(latest: list[tuple[str, Item]]) -> dict[str, Medication]:
    found: dict[str, Medication] = {}
    for name, item in latest:
        if isinstance(item.resource, Medication):
            found[name] = item.resource
            if item.full_url:
                found[item.full_url] = item.resource
    return found


def _referenced(
    resource: MedicationRequest | MedicationStatement | MedicationAdministration, medications: dict[str, Medication]
) -> CodeableConcept | None:
    reference = resource.medicationReference.reference if resource.medicationReference else None
    if reference is None:
        return None
    if reference.startswith("#"):
        for raw in resource.contained:
            try:
                inside = msgspec.json.decode(raw, type=Medication)
            except (msgspec.ValidationError, msgspec.DecodeError):
                continue
            if inside.id == reference[1:]:
                return inside.code
        return None
    plain = reference.partition("/_history/")[0]
    found = medications.get(plain) or medications.get("/".join(plain.split("/")[-2:]))
    return found.code if found else None


def unresolved_medications(items: Iterable[Item]) -> tuple[str, ...]:
    """Return the `Medication/id` that orders refer to and that are not among the items, each once."""
    wanted: dict[str, None] = {}
    held: set[str] = set()
    for item in items:
        resource = item.resource
        if isinstance(resource, Medication) and resource.id:
            held.add(f"Medication/{resource.id}")
        elif isinstance(resource, MedicationRequest | MedicationStatement | MedicationAdministration):
            reference = resource.medicationReference.reference if resource.medicationReference else None
            if reference and resource.medicationCodeableConcept is None:
                relative = "/".join(reference.partition("/_history/")[0].split("/")[-2:])
                if _MEDICATION.fullmatch(relative):
                    wanted[relative] = None
    return tuple(reference for reference in wanted if reference not in held)


def _sort(found: Iterable[Result | Finding | Unreadable], draft: _Draft) -> None:
    for one in found:
        if isinstance(one, Result):
            draft.results.append(one)
        elif isinstance(one, Finding):
            draft.states.append(one)
        else:
            draft.unreadable.append(one)


def _birth(person: Patient | None, draft: _Draft) -> When | None:
    if person is None or not person.birthDate:
        return None
    try:
        return dates.when(person.birthDate)
    except dates.NotADate:
        draft.unreadable.append(Unreadable(f"Patient/{person.id}", "the birth date cannot be read"))
        return None


_Coded = TypeVar("_Coded", Problem, Finding, Exposure)


def _in_order(found: list[_Coded]) -> tuple[_Coded, ...]:
    return tuple(sorted(found, key=lambda f: (f.resource, f.concept.id)))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [t for child in value.values() for t in _texts(child)]
    return [t for child in value for t in _texts(child)] if isinstance(value, list) else []
