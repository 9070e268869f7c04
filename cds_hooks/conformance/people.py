"""One synthetic patient, whose chart holds whatever is asked for: enough to fill any service's templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

PATIENT = "conformance-patient"
USER = "Practitioner/conformance-user"
ENCOUNTER = "conformance-encounter"
DRAFT = "conformance-draft"
NEXT_PAGE = "conformance-page"
"""The query parameter that asks for the second page of a search."""

_SUBJECT: Json = {"reference": f"Patient/{PATIENT}"}
_SYSTEM = "http://example.org/conformance"


def found(path: str) -> Json | None:
    """Answer a relative FHIR read or search: a resource, a searchset, or None for what cannot be read.

    A search for a code finds one resource with the first of the codes; a type that is not known finds nothing.
    """
    target, _, query = path.partition("?")
    kind, _, name = target.strip("/").partition("/")
    make = _MAKERS.get(kind)
    if name:
        return make(name, _concept({})) if make and "/" not in name else None
    if not query:
        return None
    asked = dict(parse_qsl(query, keep_blank_values=True))
    resources = [make(f"conformance-{kind.lower()}", _concept(asked))] if make and NEXT_PAGE not in asked else []
    if kind == "Patient":
        resources = [_patient(asked.get("_id", PATIENT), {})]
    return bundle(*resources)


def bundle(*resources: Json, kind: str = "searchset") -> Json:
    """Return a Bundle of resources; an empty one has no `entry`, as FHIR wants it."""
    entries = [{"resource": resource} for resource in resources]
    whole: Json = {"resourceType": "Bundle", "type": kind}
    if kind == "searchset":
        whole["total"] = len(entries)
    return whole | ({"entry": entries} if entries else {})


def outcome() -> Json:
    """Return an OperationOutcome as a client sends it in the place of data that it could not get."""
    issue = {"severity": "error", "code": "exception", "details": {"text": "The query failed."}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def draft_order() -> Json:
    """Return a draft order for a medicine that does not exist."""
    return {
        "resourceType": "MedicationRequest",
        "id": DRAFT,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Example medicine"},
        "subject": _SUBJECT,
        "authoredOn": _day(0),
        "dosageInstruction": [{"text": "one a day"}],
    }


def condition() -> Json:
    """Return a problem-list item."""
    return _condition("conformance-problem", {"text": "Example problem"})


def allergy() -> Json:
    """Return an allergy to a substance that does not exist."""
    return _allergy("conformance-allergy", {"text": "Example substance"})


def appointment() -> Json:
    """Return a proposed appointment."""
    participant = {"actor": _SUBJECT, "status": "needs-action"}
    return {"resourceType": "Appointment", "id": DRAFT, "status": "proposed", "participant": [participant]}


def _concept(asked: Json) -> Json:
    first = asked.get("code", "").partition(",")[0]
    system, bar, code = first.rpartition("|")
    if not code:
        return {"text": "Example"}
    return {"coding": [{"system": system or _SYSTEM, "code": code}] if bar else [{"code": code}], "text": "Example"}


def _day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def _patient(name: str, _concept: Json) -> Json:
    person = {"family": "Conformance", "given": ["Example"]}
    return {"resourceType": "Patient", "id": name, "name": [person], "gender": "female", "birthDate": "1970-01-01"}


def _practitioner(name: str, _concept: Json) -> Json:
    return {"resourceType": "Practitioner", "id": name, "name": [{"family": "Example"}]}


def _encounter(name: str, _concept: Json) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    kind = {"system": system, "code": "AMB"}
    return {"resourceType": "Encounter", "id": name, "status": "in-progress", "class": kind, "subject": _SUBJECT}


def _observation(name: str, concept: Json) -> Json:
    dated = {"effectiveDateTime": _day(30), "valueQuantity": {"value": 1.0}}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": concept, "subject": _SUBJECT} | dated


def _condition(name: str, concept: Json) -> Json:
    codes = "http://terminology.hl7.org/CodeSystem/condition-"
    return {
        "resourceType": "Condition",
        "id": name,
        "clinicalStatus": {"coding": [{"system": f"{codes}clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{codes}ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": f"{codes}category", "code": "problem-list-item"}]}],
        "code": concept,
        "subject": _SUBJECT,
        "recordedDate": _day(60),
    }


def _allergy(name: str, concept: Json) -> Json:
    codes = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
    status = {
        "clinicalStatus": {"coding": [{"system": f"{codes}clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{codes}verification", "code": "confirmed"}]},
    }
    return {"resourceType": "AllergyIntolerance", "id": name, "code": concept, "patient": _SUBJECT} | status


def _request(name: str, concept: Json) -> Json:
    order = {"id": name, "status": "active", "authoredOn": _day(30), "dosageInstruction": [{"text": "one a day"}]}
    return draft_order() | order | {"medicationCodeableConcept": concept}


def _of(kind: str, status: str, coded: str = "code", **more: Any) -> Callable[[str, Json], Json]:
    def make(name: str, concept: Json) -> Json:
        core = {"resourceType": kind, "id": name, "status": status, coded: concept, "subject": _SUBJECT}
        return core | more

    return make


def _plain(kind: str, **more: Any) -> Callable[[str, Json], Json]:
    return lambda name, _: {"resourceType": kind, "id": name} | more


_MAKERS: dict[str, Callable[[str, Json], Json]] = {
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "Coverage": _plain("Coverage", status="active", beneficiary=_SUBJECT, payor=[{"display": "Example payer"}]),
    "DiagnosticReport": _of("DiagnosticReport", "final"),
    "Encounter": _encounter,
    "Location": _plain("Location", name="Example place"),
    "Medication": lambda name, concept: {"resourceType": "Medication", "id": name, "code": concept},
    "MedicationAdministration": _of(
        "MedicationAdministration", "completed", "medicationCodeableConcept", effectiveDateTime=_day(30)
    ),
    "MedicationDispense": _of("MedicationDispense", "completed", "medicationCodeableConcept"),
    "MedicationRequest": _request,
    "MedicationStatement": _of("MedicationStatement", "active", "medicationCodeableConcept"),
    "Observation": _observation,
    "Organization": _plain("Organization", name="Example organisation"),
    "Patient": _patient,
    "Practitioner": _practitioner,
    "PractitionerRole": _plain("PractitionerRole", active=True),
    "Procedure": _of("Procedure", "completed", performedDateTime=_day(90)),
    "RelatedPerson": _plain("RelatedPerson", patient=_SUBJECT),
    "ServiceRequest": _of("ServiceRequest", "active", intent="order"),
}
