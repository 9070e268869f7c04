"""The EHR's client side, against the real FHIR server and a fake service."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from service.sandbox.demo import row, table
from service.sandbox.ehr import SandboxEhr, resolve
from service.sandbox.orders import Intention, digest, transaction
from service.sandbox.patients import patients
from service.sandbox.wire import EhrError, NotUnderstoodError, RefusedError, UnreachableError
from tests.sandbox.fake_cds import MEDICINE, assessment, card

NOW = datetime(2028, 2, 29, 10, 0, tzinfo=UTC)


def orders(ehr: SandboxEhr, patient: str) -> list[dict[str, Any]]:
    found = ehr.search(f"MedicationRequest?patient={patient}&_count=100")
    return [order for order in found if order["medicationCodeableConcept"]["text"].startswith(MEDICINE)]


def test_templates_resolve_against_the_fhir_server(ehr: SandboxEhr) -> None:
    prefetch = ehr.prefetch(ehr.service(), "anna-autoimmune")

    assert set(prefetch) == {"patient", "b12", "meds"}
    assert prefetch["patient"]["id"] == "anna-autoimmune"
    assert [entry["resource"]["valueQuantity"]["value"] for entry in prefetch["b12"]["entry"]] == [95]


def test_a_template_without_its_context_is_not_resolved() -> None:
    assert resolve("Encounter/{{context.encounterId}}", {"patientId": "p"}) is None
    assert resolve("X?date=ge{{today()}}", {"patientId": "p"}) is None
    assert resolve("X?patient={{context.patientId}}", {"patientId": "p&_count=1"}) == "X?patient=p%26_count%3D1"


def test_a_call_is_a_whole_cds_hooks_request(ehr: SandboxEhr, fake: Flask) -> None:
    request, response, took, _ = ehr.call("anna-autoimmune", "uk-ng239")
    sent = fake.config["requests"][-1]

    assert sent == request
    assert (sent["hook"], sent["fhirServer"]) == ("patient-view", ehr.fhir)
    assert uuid.UUID(sent["hookInstance"]).version == 4
    assert sent["context"]["patientId"] == "anna-autoimmune"
    assert sent["extension"] == {"org.b12-cds.protocol": "uk-ng239"}
    assert response["extension"]["org.b12-cds.assessment"]["protocol"]["id"] == "uk-ng239"
    assert took > 0


def test_accepting_writes_active_orders_that_mean_each_other(ehr: SandboxEhr) -> None:
    shown = ehr.call("cora-coeliac").response["cards"][0]

    written = ehr.accept(shown, shown["suggestions"][0])

    first, second = sorted(orders(ehr, "cora-coeliac"), key=lambda order: "basedOn" in order)
    assert {f"MedicationRequest/{order['id']}" for order in (first, second)} == set(written)
    assert {(order["status"], order["intent"]) for order in (first, second)} == {("active", "order")}
    assert second["basedOn"] == [{"reference": f"MedicationRequest/{first['id']}"}]
    assert first["requester"] == {"reference": "Practitioner/sandbox-clinician"}
    assert first["authoredOn"]
    assert ehr.call("cora-coeliac").response["cards"] == []


def test_a_work_up_becomes_an_active_order(ehr: SandboxEhr) -> None:
    shown = ehr.call("uma-unknown-cause").response["cards"][0]

    (written,) = ehr.accept(shown, shown["suggestions"][1])

    assert (ehr.read(written)["status"], ehr.read(written)["intent"]) == ("active", "order")


def test_a_draft_is_written_unsigned(ehr: SandboxEhr) -> None:
    shown = ehr.call("gus-gastrectomy").response["cards"][0]

    ehr.draft(shown, shown["suggestions"][0])

    assert {(order["status"], order["intent"]) for order in orders(ehr, "gus-gastrectomy")} == {("draft", "proposal")}
    assert [each["summary"] for each in ehr.call("gus-gastrectomy").response["cards"]] == ["Draft pending"]


def test_a_suggestion_of_another_card_is_not_signed(ehr: SandboxEhr) -> None:
    with pytest.raises(EhrError):
        ehr.accept(card("norm-normal"), card("hana-hydroxocobalamin")["suggestions"][0])


def test_an_update_and_a_delete_are_carried_out_when_signed_only() -> None:
    suggestion = {
        "label": "Replace",
        "actions": [
            {"type": "update", "resource": {"resourceType": "MedicationRequest", "id": "old", "status": "stopped"}},
            {"type": "delete", "resourceId": "MedicationRequest/draft-1"},
            {"type": "create", "resource": {"resourceType": "MedicationRequest", "status": "draft"}},
        ],
    }

    signed = [entry["request"] for entry in transaction(suggestion, Intention.SIGN, NOW)["entry"]]
    drafted = [entry["request"] for entry in transaction(suggestion, Intention.DRAFT, NOW)["entry"]]

    assert signed == [
        {"method": "PUT", "url": "MedicationRequest/old"},
        {"method": "DELETE", "url": "MedicationRequest/draft-1"},
        {"method": "POST", "url": "MedicationRequest"},
    ]
    assert drafted == signed[2:]


@pytest.mark.parametrize(
    "action", [{"type": "create"}, {"type": "delete"}, {"type": "burn", "resource": {"resourceType": "Patient"}}]
)
def test_an_action_that_cannot_be_carried_out_is_refused(action: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstoodError):
        transaction({"label": "x", "actions": [action]}, Intention.SIGN, NOW)


def test_nothing_is_written_when_one_order_of_a_suggestion_is_refused(ehr: SandboxEhr) -> None:
    shown = card("ilse-ileum")
    del shown["suggestions"][0]["actions"][1]["resource"]["subject"]

    with pytest.raises(RefusedError):
        ehr.accept(shown, shown["suggestions"][0])

    assert orders(ehr, "ilse-ileum") == []


def test_the_fingerprint_sees_the_dose_and_not_the_passing_ids() -> None:
    first, second, other = (card("p")["suggestions"][0] for _ in range(3))
    second["uuid"] = second["actions"][0]["resource"]["id"] = "new"
    other["actions"][0]["resource"]["dosageInstruction"][0]["text"] = "Ten tablets a day"

    assert digest(first) == digest(second)
    assert digest(first) != digest(other)


def test_a_refusal_keeps_the_words_of_its_outcome(
    ehr: SandboxEhr, fake: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fake.config, "broken", True)

    with pytest.raises(RefusedError, match=r"412.*prefetch\.b12 cannot be had"):
        ehr.call("anna-autoimmune")


def test_an_unreachable_service_is_told(ehr: SandboxEhr) -> None:
    with pytest.raises(UnreachableError):
        SandboxEhr(ehr.fhir, "http://127.0.0.1:9").call("anna-autoimmune")


def test_the_table_is_what_the_service_said(ehr: SandboxEhr) -> None:
    drawn = table(ehr, patients()[:2]).splitlines()

    assert max(map(len, drawn)) <= 120
    assert drawn[0].split() == ["Patient", "Status", "Cause", "Recommended", "plan"]
    assert "Anna Autoimmune  confirmed" in drawn[2]
    assert "US-IM-TRAD, intramuscular, cyanocobalamin, lifelong" in drawn[2]


def test_a_row_without_a_plan_says_what_is_next() -> None:
    said = assessment("indeterminate", "us-aafp") | {"options": [], "notices": ["diet", "workup-mma"], "causes": []}

    assert row("Ann", said) == ("Ann", "indeterminate", "-", "none (workup-mma)")
