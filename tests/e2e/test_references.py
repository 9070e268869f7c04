"""Orders that name their medicine by reference: it is read from the FHIR server when it was not sent."""

from __future__ import annotations

import json
from typing import Any

from cds_hooks.prefetch import FetchFailed
from service.app import create_app
from service.settings import Settings

BASE = "https://ehr.example/fhir"
MEDICATION = {
    "resourceType": "Medication",
    "id": "m1",
    "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "309594"}]},
}


def _call(monkeypatch: Any, pages: dict[str, Any]) -> dict[str, Any]:
    """Answer one call whose prescription refers to a Medication, with a FHIR server that holds these resources."""

    def fetch(self: object, server: str, path: str, token: str | None, deadline: float) -> bytes:
        if path not in pages:
            raise FetchFailed("404")
        return json.dumps(pages[path]).encode()

    monkeypatch.setattr("service.fhir.client.FhirClient.__call__", fetch)
    order = {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "status": "active",
        "intent": "order",
        "authoredOn": "2020-01-01",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "Medication/m1"},
    }
    empty = {"resourceType": "Bundle", "type": "searchset"}
    keys = ("b12", "bloods", "conditions", "medicationStatements", "medicationAdministrations", "allergies")
    sent = dict.fromkeys((*keys, "procedures"), empty)
    sent["patient"] = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01"}
    sent["medicationRequests"] = {**empty, "entry": [{"resource": order}]}
    request = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": BASE,
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
        "prefetch": sent,
    }
    client = create_app(Settings(protocol="us-aafp", authentication="off", fhir_servers=(BASE,))).test_client()
    answered: dict[str, Any] = client.post("/cds-services/b12-patient-view", json=request).get_json()
    return dict(answered["extension"]["org.b12-cds.assessment"])


def test_b12_therapy_is_recognised_through_a_reference(monkeypatch: Any) -> None:
    said = _call(monkeypatch, {"Medication/m1": MEDICATION})

    assert said["status"] == "on-treatment"
    assert said["modifiers"] == ["on-b12-therapy"]


def test_a_reference_that_cannot_be_followed_is_told_and_nothing_is_guessed(monkeypatch: Any) -> None:
    said = _call(monkeypatch, {})

    assert said["status"] == "unknown"
    assert [told["resource"] for told in said["unreadable"]] == ["MedicationRequest/r1"]
