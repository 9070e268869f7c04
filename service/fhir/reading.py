"""From FHIR resources to the Record: only what matters, tolerantly, and nothing lost in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import compress
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from service.domain.index import CodeIndex
from service.domain.record import Exposure, Finding, Problem, Record, Result, Unreadable, When, record_of
from service.domain.terms import Role
from service.fhir import dates
from service.fhir.findings import allergies, problems, procedures, relatives, said_in
from service.fhir.instructions import Instructions
from service.fhir.medicines import exposures, never_taken
from service.fhir.pages import UNFIT, Broken, Item, texts_in, unfit
from service.fhir.plain import PlainResults
from service.fhir.shapes import (
    NOT_TOLD,
    NOTHING,
    AllergyIntolerance,
    AnyMedication,
    CodeableConcept,
    Condition,
    FamilyMemberHistory,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Patient,
    Procedure,
    told,
)
from service.fhir.values import Values
from service.fhir.versions import Current, latest, name_of
from service.fhir.vocabulary import HAZARDS, Vocabulary
from service.fhir.whose import OtherPatient as OtherPatient
from service.fhir.whose import Whose

_Coded = TypeVar("_Coded", Problem, Finding, Exposure)
_Kept = TypeVar("_Kept", Finding, Exposure)
_TAKEN = frozenset({"MedicationRequest", "MedicationStatement", "MedicationAdministration", "Medication"})
#: A tuple: a union written where it is used would be made anew for every resource.
MEDICINES = (MedicationRequest, MedicationStatement, MedicationAdministration)
_CODE, _MEDICINE = attrgetter("resource.code"), attrgetter("resource.medicationCodeableConcept")
_NAMES = attrgetter("resource", "concept.id")
_MEDICATION = re.compile(r"Medication/[A-Za-z0-9\-.]{1,64}")


@dataclass(slots=True)
class _Draft:
    """The record while it is being read."""

    medications: dict[str, Medication]
    results: list[Result] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    procedures: list[Finding] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    allergies: list[Finding] = field(default_factory=list)
    states: list[Finding] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    person: Patient | None = None

    def put(self, said: Result | Finding | Unreadable | None) -> None:
        """Put what an Observation says where it belongs."""
        if isinstance(said, Result):
            self.results.append(said)
        elif isinstance(said, Finding):
            self.states.append(said)
        elif said is not None:
            self.unreadable.append(said)


class Reader:
    """Reads resources with the codes it was handed; built once at start."""

    def __init__(self, index: CodeIndex) -> None:
        """Work out every usual unit, and sort every word by what it is looked for in."""
        words = Vocabulary(index)
        self.index, self.words, self.values = index, words, Values(index, words)
        self.plain, self.instructions = PlainResults(words, self.values), Instructions(words)
        self.ethnic_words = _words_of(Role.ETHNICITY, index)
        take: dict[type, Callable[[Any, str, _Draft], None]] = {
            Observation: self._observation,
            Condition: lambda found, name, draft: draft.problems.extend(problems(found, name, words)),
            Procedure: lambda found, name, draft: _keep(procedures(found, name, words), draft.procedures, draft),
            AllergyIntolerance: lambda found, name, draft: draft.allergies.extend(allergies(found, name, words)),
            FamilyMemberHistory: lambda found, name, draft: draft.problems.extend(relatives(found, name, words)),
            Patient: _person,
            Broken: lambda found, _, draft: self._broken(found, draft),
            **dict.fromkeys(MEDICINES, self._medicine),
        }
        self._take = take

    def read(self, items: Iterable[Item], patient_id: str | None, unchecked: tuple[str, ...] = ()) -> Record:
        """Return the record in resources; raises OtherPatient when one is another patient's."""
        items = tuple(items)
        current = latest(items)
        whose = Whose(current, patient_id)
        draft = _Draft(_medications(items, current))
        for kind, same in current.kinds.items():
            if same:
                self._read_kind(kind, same, whose, draft)
        for name, item in current.rest:
            if whose.check(name, item.resource):
                self._read_one(item, name, draft)
        return record_of(
            draft.results,
            patient=whose.id,
            birth=_birth(draft.person, draft),
            deceased=bool(draft.person and (draft.person.deceasedBoolean or draft.person.deceasedDateTime)),
            black_ethnicity=self._black(draft.person),
            problems=_in_order(draft.problems),
            procedures=_in_order(draft.procedures),
            exposures=_in_order(draft.exposures),
            allergies=_in_order(draft.allergies),
            states=_in_order(draft.states),
            unreadable=tuple(sorted(draft.unreadable, key=lambda u: (u.resource, u.why))),
            unchecked=unchecked,
        )

    def _read_kind(self, kind: type, same: dict[str, Item], whose: Whose, draft: _Draft) -> None:
        """Read resources of one kind, each by its id, if they are the patient's."""
        begins = f"{kind.__name__}/"
        if not whose.is_usual(kind, same.values()):
            same = {ends: item for ends, item in same.items() if whose.check(begins + ends, item.resource)}
        if kind is Observation:
            same = self.plain.read(same, begins, draft.results)
        elif kind is Condition or kind in MEDICINES:
            same = self._that_matter(kind, same)
        for ends, item in same.items():
            self._read_one(item, begins + ends, draft)

    def _that_matter(self, kind: type, same: dict[str, Item]) -> dict[str, Item]:
        """Return what names something that is looked for, or nothing in a code; all where a code cannot be read."""
        matters = self.words.problem_matters if kind is Condition else self.words.medicine_matters
        code = _CODE if kind is Condition else _MEDICINE
        try:
            return dict(compress(same.items(), map(matters.__getitem__, map(bytes, map(code, same.values())))))
        except UNFIT:
            return same

    def _read_one(self, item: Item, name: str, draft: _Draft) -> None:
        resource = item.resource
        read = self._take.get(type(resource))
        if read is None:
            return
        try:
            read(resource, name, draft)
        except UNFIT as error:
            self._broken(unfit(item, name, error), draft)

    def _observation(self, resource: Observation, name: str, draft: _Draft) -> None:
        said = said_in(resource, resource, name, self.words, self.values)
        parts = resource.component
        # Told only once all of it could be read.
        others = [said_in(resource, part, name, self.words, self.values) for part in parts] if parts else ()
        draft.put(said)
        for other in others:
            draft.put(other)

    def _medicine(self, resource: AnyMedication, name: str, draft: _Draft) -> None:
        if never_taken(resource):
            return
        reference = resource.medicationReference
        code: bytes | None = bytes(resource.medicationCodeableConcept)
        if code in NOT_TOLD:
            code = _referenced(resource, draft.medications)
        if code is not None:
            named = self.words.medicine[code]
            if not (named.concepts or named.worded):
                return
        elif reference is not None:
            draft.unreadable.append(Unreadable(name, "its medicine is a reference that could not be followed"))
            named = self.words.named(CodeableConcept(text=reference.display))
        else:
            draft.unreadable.append(Unreadable(name, "it names no medicine"))
            return
        _keep(exposures(resource, named, name, self.instructions), draft.exposures, draft)

    def _broken(self, broken: Broken, draft: _Draft) -> None:
        """Tell of a resource that could not be read, unless what can be read shows that it never mattered."""
        if broken.status == "entered-in-error":
            return
        codes = broken.codes or ()
        known = [concept for code in codes if (concept := self.index.concept(*code)) is not None]
        tested = {self.index.tests[code].test.analyte for code in codes if code in self.index.tests}
        allergy = broken.kind == "AllergyIntolerance"
        if allergy:
            known = [concept for concept in known if Role.COBALAMIN in concept.roles]
        medicine = broken.kind in _TAKEN
        if medicine and not known:
            # Undecoded, a product is still known by the ingredient in its name.
            product = self.index.medicine("", "?", broken.words)
            known = [product] if product is not None else []
        worded = (allergy or medicine) and any(word in broken.words for word in self.words.b12.any)
        if broken.codes is not None and not known and not tested and not worded:
            return
        when = dates.when_or_none(broken.taken)
        for analyte in sorted(tested):
            hazard = analyte in HAZARDS
            draft.unreadable.append(Unreadable(broken.resource, broken.why, analyte, hazard, when=when))
        if not tested:
            draft.unreadable.append(Unreadable(broken.resource, broken.why, hazard=allergy))

    def _black(self, person: Patient | None) -> bool:
        """Return whether an ethnicity extension says Black in words; there is no verified code."""
        if person is None or person.extension is NOTHING:
            return False
        written = bytes(person.extension).lower()
        # A letter may be written as an escape; what has none says what it says.
        plain = written.isascii() and b"\\u" not in written
        if plain and not any(word.encode() in written for word in self.ethnic_words):
            return False
        try:
            texts = "\n".join(texts_in(msgspec.json.decode(person.extension))).lower()
        except UNFIT:
            return False
        return any(word in texts for word in self.ethnic_words)


def _words_of(role: Role, index: CodeIndex) -> tuple[str, ...]:
    return tuple(word for word, concept in index.words if role in concept.roles)


def _person(resource: Patient, _: str, draft: _Draft) -> None:
    draft.person = resource


def _medications(items: Iterable[Item], current: Current) -> dict[str, Medication]:
    """Return the medicines by every name that an order can call them: Type/id, full URL, or a URN of the id."""
    found = {name: item.resource for name, item in current.of(Medication) if type(item.resource) is Medication}
    if not found:
        return found
    for item in items:
        if type(item.resource) is Medication and item.full_url:
            medication = found.get(name_of(item), item.resource)
            found[item.full_url] = medication
            found.setdefault(_relative(item.full_url), medication)
    return found


def _relative(reference: str) -> str:
    """Return `Type/id` of a reference, whatever server and version it names."""
    if reference.startswith("urn:"):
        return f"Medication/{reference.rpartition(':')[2]}"
    return "/".join(reference.partition("/_history/")[0].split("/")[-2:])


def _referenced(resource: AnyMedication, medications: dict[str, Medication]) -> bytes | None:
    reference = resource.medicationReference.reference if resource.medicationReference else None
    if reference is None:
        return None
    if reference.startswith("#"):
        for raw in resource.contained:
            try:
                inside = msgspec.json.decode(raw, type=Medication)
            except UNFIT:
                continue
            if inside.id == reference[1:]:
                return bytes(inside.code) if told(inside.code) else None
        return None
    found = medications.get(reference) or medications.get(_relative(reference))
    return bytes(found.code) if found and told(found.code) else None


def unresolved_medications(items: Iterable[Item]) -> tuple[str, ...]:
    """Return the `Medication/id` that orders refer to and that are not among the items, each once."""
    wanted: dict[str, None] = {}
    held: set[str] = set()
    for item in items:
        resource = item.resource
        if isinstance(resource, Medication) and resource.id:
            held.add(f"Medication/{resource.id}")
        elif isinstance(resource, MEDICINES):
            reference = resource.medicationReference.reference if resource.medicationReference else None
            if reference and not told(resource.medicationCodeableConcept):
                relative = _relative(reference)
                if _MEDICATION.fullmatch(relative):
                    wanted[relative] = None
    return tuple(reference for reference in wanted if reference not in held)


def _keep(found: Iterable[_Kept | Unreadable], kept: list[_Kept], draft: _Draft) -> None:
    for one in found:
        if isinstance(one, Unreadable):
            draft.unreadable.append(one)
        else:
            kept.append(one)


def _birth(person: Patient | None, draft: _Draft) -> When | None:
    if person is None or not person.birthDate:
        return None
    try:
        return dates.when(person.birthDate)
    except dates.NotADate:
        draft.unreadable.append(Unreadable(f"Patient/{person.id}", "the birth date cannot be read"))
        return None


def _in_order(found: list[_Coded]) -> tuple[_Coded, ...]:
    return tuple(sorted(found, key=_NAMES))
