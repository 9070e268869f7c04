"""Whose resources are these: one patient's, or none is read."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from service.fhir.pages import Broken, Item, Other
from service.fhir.shapes import AllergyIntolerance, FamilyMemberHistory, Medication, OperationOutcome, Patient, Readable
from service.fhir.versions import Current

#: Resources that name the person as their patient, not as their subject, and those that name nobody.
_OF_PATIENT = (AllergyIntolerance, FamilyMemberHistory)
_OF_NOBODY = (Patient, Medication, OperationOutcome)
#: How each kind names whom it is about.
_OWNER = {
    kind: attrgetter("resource.patient.reference" if kind in _OF_PATIENT else "resource.subject.reference")
    for kind in Readable.__args__
    if kind not in _OF_NOBODY
}


class OtherPatient(Exception):
    """A resource belongs to another patient; the message names the resource, never the person."""


class Whose:
    """The one patient all resources must belong to; without a Patient, the one they agree on."""

    def __init__(self, current: Current, patient_id: str | None) -> None:
        """Find the patient; raises OtherPatient when there are two."""
        people = [item for _, item in current.of(Patient)]
        if len(people) > 1:
            raise OtherPatient("there is more than one patient")
        found = _id_of(people[0]) if people else None
        if people and patient_id is not None and found != patient_id:
            raise OtherPatient("the Patient is another patient")
        self.id = patient_id or found
        self._agreed = self.id
        copies = (item for item in current.copies if type(item.resource) is Patient)
        urls = {item.full_url for item in (*people, *copies) if item.full_url}
        #: How nearly every resource names the patient: what names nobody else needs no closer look.
        self.usual = frozenset(urls | ({f"Patient/{self.id}"} if self.id else set()))

    def is_usual(self, kind: type, items: Iterable[Item]) -> bool:
        """Return whether all of a kind name the patient as nearly every resource does."""
        try:
            return self.usual.issuperset(map(_OWNER[kind], items)) if kind in _OWNER else True
        except AttributeError:  # one names nobody
            return False

    def check(self, name: str, resource: Readable | Broken | Other) -> bool:
        """Return whether a resource is the patient's; raises OtherPatient when it says it is about somebody else."""
        for owner in _owners(name, resource):
            if owner in self.usual:
                continue
            kind, owner_id = _parts(owner)
            if kind != "Patient":
                return False
            if self._agreed is None:
                self._agreed = owner_id
            elif owner_id != self._agreed:
                raise OtherPatient(f"{name} belongs to another patient")
        return True


def _owners(name: str, resource: Readable | Broken | Other) -> tuple[str, ...]:
    """Return the references to whom a resource is about."""
    if isinstance(resource, Other):
        return resource.owners
    if isinstance(resource, Broken):
        itself = (name,) if name.startswith("Patient/") else ()
        return (*itself, resource.owner) if resource.owner else itself
    if isinstance(resource, _OF_NOBODY):
        return ()
    subject = resource.patient if isinstance(resource, _OF_PATIENT) else resource.subject
    return (subject.reference,) if subject is not None and subject.reference else ()


def _parts(reference: str) -> tuple[str, str]:
    """Return type and id of a reference: relative, absolute, versioned, or a URN that is an id."""
    if reference.startswith("urn:"):
        return "Patient", reference.rpartition(":")[2]
    path, _, name = reference.partition("/_history/")[0].rpartition("/")
    return path.rpartition("/")[2] or "Patient", name


def _id_of(item: Item) -> str | None:
    patient = item.resource
    if isinstance(patient, Patient) and patient.id:
        return patient.id
    return _parts(item.full_url)[1] if item.full_url else None
