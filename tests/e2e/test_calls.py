"""An EHR calls the running service: with prefetch, without it, and after the chart has changed."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
import requests

from cds_hooks.invariants import check_response
from service.domain.terms import Mechanism, Status
from service.sandbox.demo import Row, row
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer
from service.sandbox.patients import patients
from service.sandbox.wire import RefusedError

from .charts import Json, newcomer, request_for
from .running import Running, issue

#: patient: status, mechanism of the first cause, recommended regimen and its route under us-aafp.
EXPECTED: dict[str, tuple[str, str | None, str | None, str | None]] = {
    "anna-autoimmune": ("confirmed", "autoimmune-gastritis", "US-IM-TRAD", "intramuscular"),
    "nora-neurology": ("confirmed", "autoimmune-gastritis", "US-IM-NEURO", "intramuscular"),
    "gus-gastrectomy": ("confirmed", "gastric-resection", "US-IM-TRAD", "intramuscular"),
    "ilse-ileum": ("confirmed", "ileal-resection", "US-IM-TRAD", "intramuscular"),
    "cora-coeliac": ("confirmed", "malabsorption", "US-ORAL-HIGH", "oral"),
    "bea-bypass": ("confirmed", "malabsorption", "US-IM-TRAD", "intramuscular"),
    "vito-vegan": ("confirmed", "dietary", "US-ORAL-HIGH", "oral"),
    "leo-leber": ("confirmed", "dietary", "LABEL-HYDROXO", "intramuscular"),
    "mina-metformin": ("confirmed", "medicine-induced", "US-ORAL-HIGH", "oral"),
    "nico-nitrous": ("confirmed", "nitrous-oxide", "US-IM-NEURO", "intramuscular"),
    "tara-transport": ("confirmed", "transport-metabolic", None, None),
    "petra-pregnant": ("confirmed", "increased-requirement", "US-ORAL-HIGH", "oral"),
    "uma-unknown-cause": ("confirmed", "undetermined", "US-ORAL-HIGH", "oral"),
    "alma-allergy": ("confirmed", "autoimmune-gastritis", None, None),
    "walt-warfarin": ("confirmed", "autoimmune-gastritis", "US-ORAL-HIGH", "oral"),
    "indra-indeterminate": ("indeterminate", "undetermined", None, None),
    "hana-hydroxocobalamin": ("on-treatment", "autoimmune-gastritis", None, None),
    "norm-normal": ("unlikely", None, None, None),
    "una-untested": ("unknown", None, None, None),
    "kit-child": ("out-of-scope", None, None, None),
}


def test_discovery_offers_the_service_with_its_templates(service: Running) -> None:
    answer = requests.get(f"{service.base}/cds-services", timeout=5)
    services = answer.json()["services"]

    assert ("b12-patient-view", "patient-view") in {(offered["id"], offered["hook"]) for offered in services}
    for offered in services:
        assert {"patient", "b12", "conditions"} <= set(offered["prefetch"])
        assert "{{context.patientId}}" in offered["prefetch"]["b12"]


def test_every_sandbox_patient_is_a_row_of_the_demo() -> None:
    assert set(EXPECTED) == {patient.id for patient in patients()}


@pytest.mark.parametrize("patient", EXPECTED)
def test_a_sandbox_patient_is_answered_as_their_chart_says(ehr: SandboxEhr, patient: str) -> None:
    answer = ehr.call(patient, "us-aafp")
    said = answer.assessment
    cause = next(iter(said.get("causes") or ()), {})
    plan = next((option for option in said.get("options") or () if option["recommended"]), {})

    assert (said["status"], cause.get("mechanism"), plan.get("regimen"), plan.get("route")) == EXPECTED[patient]
    assert {rule for rule in check_response(answer.response) if rule != "A3"} == set()


def test_the_sandbox_shows_every_mechanism_and_every_status(ehr: SandboxEhr) -> None:
    answers = [ehr.call(patient, "us-aafp").assessment for patient in EXPECTED]

    assert {cause["mechanism"] for said in answers for cause in said.get("causes") or ()} == set(Mechanism)
    assert {said["status"] for said in answers} == set(Status)


def test_prefetch_and_fhir_server_give_the_same_cards(ehr: SandboxEhr, service: Running, fhir: FhirServer) -> None:
    whole = ehr.prefetch(ehr.service(), "anna-autoimmune")
    instance = str(uuid.uuid4())
    sent = service.call(request_for("anna-autoimmune", hookInstance=instance, prefetch=whole))
    fetched = service.call(request_for("anna-autoimmune", hookInstance=instance, fhirServer=fhir.base))

    assert (sent.status_code, fetched.status_code) == (200, 200)
    assert sent.json() == fetched.json()
    assert sent.json()["cards"][0]["suggestions"][0]["actions"][0]["resource"]["resourceType"] == "MedicationRequest"


def test_half_a_prefetch_is_completed_from_the_fhir_server(ehr: SandboxEhr, service: Running, fhir: FhirServer) -> None:
    whole = ehr.prefetch(ehr.service(), "walt-warfarin")
    instance = str(uuid.uuid4())
    half = {key: whole[key] for key in ("patient", "conditions")}
    some = service.call(request_for("walt-warfarin", hookInstance=instance, prefetch=half, fhirServer=fhir.base))
    full = service.call(request_for("walt-warfarin", hookInstance=instance, prefetch=whole))

    assert some.json() == full.json()


def test_the_same_call_twice_gives_the_same_bytes(service: Running, fhir: FhirServer) -> None:
    call = request_for("bea-bypass", fhirServer=fhir.base)

    assert service.call(call).content == service.call(call).content


def test_changing_one_lab_changes_the_row(ehr: SandboxEhr, fhir: FhirServer, today: date) -> None:
    patient = newcomer(fhir.base, "norm-normal", today)
    before = row("Norm", ehr.call(patient).assessment)
    lab = ehr.read(f"Observation/{patient}-lab-1")
    lab["valueQuantity"]["value"] = 95
    lab.pop("interpretation", None)
    requests.put(f"{fhir.base}/Observation/{lab['id']}", json=lab, timeout=10).raise_for_status()
    after = row("Norm", ehr.call(patient).assessment)

    assert before == Row("Norm", "unlikely", "-", "none")
    assert after == Row(
        "Norm", "confirmed", "undetermined, possible", "US-ORAL-HIGH, oral, cyanocobalamin, until-review"
    )


@pytest.mark.parametrize("like", ["anna-autoimmune", "nora-neurology", "vito-vegan", "walt-warfarin", "leo-leber"])
def test_a_signed_suggestion_is_on_record_and_its_card_is_gone(
    ehr: SandboxEhr, fhir: FhirServer, today: date, like: str
) -> None:
    patient = newcomer(fhir.base, like, today)
    card = ehr.call(patient).response["cards"][0]
    written = ehr.accept(card, card["suggestions"][0])
    then = ehr.call(patient)

    assert {ehr.read(place)["status"] for place in written} == {"active"}
    assert "on-b12-therapy" in then.assessment["modifiers"]
    assert medicines(then.response) == []
    assert [each["summary"] for each in then.response["cards"] if each["indicator"] != "info"] == []


def test_a_draft_is_told_and_not_offered_again(ehr: SandboxEhr, fhir: FhirServer, today: date) -> None:
    patient = newcomer(fhir.base, "gus-gastrectomy", today)
    card = ehr.call(patient).response["cards"][0]
    written = ehr.draft(card, card["suggestions"][0])
    then = ehr.call(patient)

    assert {ehr.read(place)["status"] for place in written} == {"draft"}
    assert then.assessment["status"] == "confirmed"
    assert "raft" in then.response["cards"][0]["summary"]
    assert all(place in then.response["cards"][0]["detail"] for place in written)
    assert medicines(then.response) == []


def medicines(response: Json) -> list[Json]:
    return [
        action["resource"]
        for card in response["cards"]
        for suggestion in card.get("suggestions") or ()
        for action in suggestion["actions"]
        if action["resource"]["resourceType"] == "MedicationRequest"
    ]


@pytest.mark.parametrize("protocol", ["uk-ng239", "us-aafp", "us-label"])
def test_the_sandbox_may_choose_the_protocol(ehr: SandboxEhr, protocol: str) -> None:
    assert ehr.call("anna-autoimmune", protocol).assessment["protocol"]["id"] == protocol


@pytest.mark.parametrize("choice", ["uk-ng999", 7, None, {}])
def test_a_protocol_that_does_not_exist_is_refused(service: Running, fhir: FhirServer, choice: object) -> None:
    call = request_for("anna-autoimmune", fhirServer=fhir.base, extension={"org.b12-cds.protocol": choice})
    answer = service.call(call)

    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["extension.org.b12-cds.protocol"]


def test_the_reason_of_a_refusal_reaches_the_ehr(ehr: SandboxEhr) -> None:
    with pytest.raises(RefusedError, match="uk-ng999"):
        ehr.call("anna-autoimmune", "uk-ng999")


def test_optional_data_that_cannot_be_had_is_said_on_the_card(ehr: SandboxEhr, service: Running) -> None:
    whole = ehr.prefetch(ehr.service(), "anna-autoimmune")
    forbidden = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
    del whole["procedures"]
    answer = service.call(request_for("anna-autoimmune", prefetch=whole | {"allergies": forbidden}))
    detail = answer.json()["cards"][0]["detail"]

    assert answer.status_code == 200
    assert "Not checked: allergies" in detail
    assert "forbidden" in detail
    assert "Not checked: procedures" in detail
    assert "Not checked: prescriptions" not in detail


def test_pages_that_cannot_be_followed_are_said_on_the_card(ehr: SandboxEhr, service: Running) -> None:
    whole = ehr.prefetch(ehr.service(), "anna-autoimmune")
    whole["conditions"]["link"] = [{"relation": "next", "url": "https://elsewhere.example/fhir?page=2"}]
    answer = service.call(request_for("anna-autoimmune", prefetch=whole))

    assert "Not checked: problems and diagnoses, not all of it" in answer.json()["cards"][0]["detail"]


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (("patient",), ["prefetch.patient"]),
        (("b12", "conditions"), ["prefetch.b12", "prefetch.conditions"]),
    ],
)
def test_required_data_that_cannot_be_had_is_a_412_that_names_the_key(
    ehr: SandboxEhr, service: Running, lost: tuple[str, ...], named: list[str]
) -> None:
    whole = ehr.prefetch(ehr.service(), "anna-autoimmune")
    kept = {key: value for key, value in whole.items() if key not in lost}
    answer = service.call(request_for("anna-autoimmune", prefetch=kept))

    assert answer.status_code == 412
    assert issue(answer)["expression"] == named


def test_a_fhir_server_that_is_not_allowed_is_not_called(service: Running) -> None:
    """Port 9 would refuse the connection, and that would be another reason."""
    answer = service.call(request_for("anna-autoimmune", fhirServer="http://127.0.0.1:9/fhir"))

    assert answer.status_code == 412
    assert "allow" in issue(answer)["diagnostics"]


def test_a_browser_of_an_allowed_origin_may_call_and_no_other(service: Running) -> None:
    def allowed(origin: str) -> tuple[str | None, str | None]:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = requests.options(f"{service.base}/cds-services/b12-patient-view", headers=asked, timeout=5)
        discovery = requests.get(f"{service.base}/cds-services", headers={"Origin": origin}, timeout=5)
        name = "Access-Control-Allow-Origin"
        return preflight.headers.get(name), discovery.headers.get(name)

    assert allowed("https://ehr.example") == ("https://ehr.example", "https://ehr.example")
    assert allowed("https://evil.example") == (None, None)
