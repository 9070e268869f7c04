"""Ordering for real: the service as a process, a FHIR server beside it, and orders in the reference EHR's shape."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import requests

from cds_hooks.invariants import check_response
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer

from .charts import newcomer
from .running import Running

Json = dict[str, Any]


def fired(service: Running, fhir: FhirServer, hook: str, patient: str, **context: Any) -> Json:
    """One call as the reference EHR makes it: a server and no prefetch."""
    body = {
        "hook": hook,
        "hookInstance": str(uuid.uuid4()),
        "fhirServer": fhir.base,
        "context": {"userId": "Practitioner/sandbox-clinician", "patientId": patient} | context,
    }
    answer = requests.post(f"{service.base}/cds-services/b12-{hook}", json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    said: Json = answer.json()
    assert {rule for rule in check_response(said) if rule != "A3"} == set()
    return said


def quirky(patient: str, text: str, code: str) -> Json:
    """A draft without intent, its category an object, its unit a code alone, in a Bundle without a type."""
    order = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "category": {"coding": {"code": "outpatient"}},
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {
            "text": text,
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": text}],
        },
        "dosageInstruction": [
            {
                "doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}"}}],
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            }
        ],
    }
    return {"resourceType": "Bundle", "entry": [{"resource": order}]}


def test_tablets_for_a_patient_with_neurology_are_stopped_at_the_signature(
    service: Running, fhir: FhirServer, today: date
) -> None:
    patient = newcomer(fhir.base, "nora-neurology", today)

    said = fired(
        service, fhir, "order-sign", patient, draftOrders=quirky(patient, "vitamin B12 1 MG Oral Tablet", "309593")
    )

    (card,) = said["cards"]
    assert card["indicator"] == "critical"
    assert card["suggestions"][0]["actions"][0]["resourceId"] == "MedicationRequest/request-123"


def test_nothing_is_said_of_another_medicine(service: Running, fhir: FhirServer, today: date) -> None:
    patient = newcomer(fhir.base, "nora-neurology", today)
    drafts = quirky(patient, "lisinopril 10 MG Oral Tablet", "314076")

    chosen = {"selections": ["MedicationRequest/request-123"], "draftOrders": drafts}

    assert fired(service, fhir, "order-select", patient, **chosen)["cards"] == []


def test_what_was_accepted_when_the_chart_was_opened_is_signed_in_silence(
    ehr: SandboxEhr, service: Running, fhir: FhirServer, today: date
) -> None:
    for like in ("nora-neurology", "mina-metformin"):
        patient = newcomer(fhir.base, like, today)
        card = ehr.call(patient, "us-aafp").response["cards"][0]
        made = [a["resource"] for a in card["suggestions"][0]["actions"] if a["type"] == "create"]
        kept = [{"resource": order | {"id": f"kept-{n}"}} for n, order in enumerate(made)]

        said = fired(service, fhir, "order-sign", patient, draftOrders={"resourceType": "Bundle", "entry": kept})

        assert made
        assert said["cards"] == [], like


def test_what_was_said_at_the_choice_is_not_said_at_the_signature(
    service: Running, fhir: FhirServer, today: date
) -> None:
    patient = newcomer(fhir.base, "nora-neurology", today)
    drafts = quirky(patient, "vitamin B12 1 MG Oral Tablet", "309593")
    select = {"selections": ["MedicationRequest/request-123"], "draftOrders": drafts}

    assert len(fired(service, fhir, "order-select", patient, **select)["cards"]) == 1
    assert fired(service, fhir, "order-sign", patient, draftOrders=drafts)["cards"] == []


def test_a_log_holds_nothing_of_an_order(service: Running, fhir: FhirServer, today: date) -> None:
    patient = newcomer(fhir.base, "nora-neurology", today)
    fired(service, fhir, "order-sign", patient, draftOrders=quirky(patient, "vitamin B12 seeded-7731", "309593"))

    written = service.log.read_text(encoding="utf-8")

    assert '"service":"b12-order-sign"' in written
    for word in (patient, "request-123", "seeded-7731"):
        assert word not in written
