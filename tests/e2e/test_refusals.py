"""What the service refuses: with a status, an OperationOutcome that names the element, and nothing evaluated."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from service.app import create_app
from service.consult import Consultant
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer
from service.settings import Settings
from tests.chart.hook_request import of_type, patient_view
from tests.medicine.ask import chart_of
from tests.vignettes import vignette

from .charts import Json, request_for
from .running import SERVICE, Running, issue

TOKEN = "secret-token-of-this-call"
PATIENT = "patient-1"


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    """The production application in this process, so that what it evaluates can be watched."""
    return create_app(Settings(protocol="uk-ng239", authentication="off", max_body=200_000)).test_client()


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The protocols of all evaluations during a test."""
    calls: list[str] = []
    consult = Consultant.consult

    def watched(self: Consultant, items: Any, protocol: Any, today: date, *more: Any) -> Any:
        calls.append(protocol.id)
        return consult(self, items, protocol, today, *more)

    monkeypatch.setattr(Consultant, "consult", watched)
    return calls


def request() -> Json:
    """A whole and good request: the chart of a vignette under our keys."""
    keys = {
        "patient": of_type("Patient"),
        "b12": of_type("Observation"),
        "bloods": of_type("DiagnosticReport"),
        "conditions": of_type("Condition"),
        "medicationRequests": of_type("MedicationRequest"),
        "medicationStatements": of_type("MedicationStatement"),
        "medicationAdministrations": of_type("MedicationAdministration"),
        "allergies": of_type("AllergyIntolerance"),
        "procedures": of_type("Procedure"),
    }
    return patient_view(chart_of(vignette("V23")), keys)


def authorization(**changes: Any) -> Json:
    return {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "cds-service",
        "patient": PATIENT,
    } | changes


def another(kind: str, **element: Any) -> Json:
    other = {"reference": "Patient/someone-else"}
    resource = {"resourceType": kind, "id": "x1", "status": "final", "subject": other, "patient": other} | element
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}


def put(value: Any, *path: str) -> Callable[[Json], None]:
    def change(body: Json) -> None:
        for step in path[:-1]:
            body = body.setdefault(step, {})
        body[path[-1]] = value

    return change


def without(*path: str) -> Callable[[Json], None]:
    def change(body: Json) -> None:
        for step in path[:-1]:
            body = body[step]
        del body[path[-1]]

    return change


def authorized(**changes: Any) -> Callable[[Json], None]:
    def change(body: Json) -> None:
        body |= {"fhirServer": "https://ehr.example/fhir", "fhirAuthorization": authorization(**changes)}

    return change


#: What is wrong: how, the status, and the element that must be named.
WRONG: dict[str, tuple[Callable[[Json], None], int, str]] = {
    "another hook": (put("order-sign", "hook"), 400, "hook"),
    "no hook": (without("hook"), 400, "hook"),
    "no hookInstance": (without("hookInstance"), 400, "hookInstance"),
    "a hookInstance that is no UUID": (put("call-17", "hookInstance"), 400, "hookInstance"),
    "no context": (without("context"), 400, "context"),
    "no patientId": (without("context", "patientId"), 400, "context.patientId"),
    "a patientId that is a reference": (put("Patient/p", "context", "patientId"), 400, "context.patientId"),
    "a patientId that climbs": (put("..", "context", "patientId"), 400, "context.patientId"),
    "no userId": (without("context", "userId"), 400, "context.userId"),
    "prefetch that is a Bundle": (put({"resourceType": "Bundle"}, "prefetch"), 400, "prefetch"),
    "a key that is no FHIR": (put({"a": 1}, "prefetch", "b12"), 400, "prefetch.b12"),
    "a key that is text": (put("none", "prefetch", "b12"), 400, "prefetch.b12"),
    "another patient's Patient": (put("someone-else", "prefetch", "patient", "id"), 400, "prefetch.patient"),
    "another patient's Observation": (put(another("Observation"), "prefetch", "b12"), 400, "subject"),
    "another patient's Condition": (put(another("Condition"), "prefetch", "conditions"), 400, "subject"),
    "another patient's allergy": (put(another("AllergyIntolerance"), "prefetch", "allergies"), 400, "patient"),
    "another patient's Procedure": (put(another("Procedure"), "prefetch", "procedures"), 400, "subject"),
    "another patient's token": (authorized(patient="someone-else"), 400, "fhirAuthorization.patient"),
    "a token without a server": (put(authorization(), "fhirAuthorization"), 400, "fhirServer"),
    "a token that is no bearer": (authorized(token_type="mac"), 400, "fhirAuthorization.token_type"),
    "a fhirServer that is a file": (put("file:///etc/passwd", "fhirServer"), 400, "fhirServer"),
    "a body that is too large": (put("x" * 300_000, "padding"), 413, ""),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_request_is_refused_by_name_and_nothing_is_evaluated(
    client: FlaskClient, evaluated: list[str], what: str
) -> None:
    change, status, named = WRONG[what]
    body = request()
    change(body)
    answer = client.post(SERVICE, json=body)
    told = issue(_as_requests(answer))

    assert answer.status_code == status, told
    assert not answer.json.get("cards")
    assert named in " ".join(told.get("expression", [])) or named in told["diagnostics"].replace(" belongs", ".subject")
    assert "someone-else" not in answer.text
    # Whose an Observation is shows only when the chart is read; even then no advice comes of it.
    assert evaluated == [] or named in ("subject", "patient")


def _as_requests(answer: Any) -> Any:
    """Werkzeug's answer by the names that `issue` uses."""

    class Like:
        headers = answer.headers

        @staticmethod
        def json() -> Json:
            return answer.json

    return Like()


def test_a_good_request_is_evaluated_once_and_answered(client: FlaskClient, evaluated: list[str]) -> None:
    """The counterpart of the refusals: what they change was the only thing wrong."""
    answer = client.post(SERVICE, json=request())

    assert (answer.status_code, evaluated) == (200, ["uk-ng239"])
    assert answer.json["extension"]["org.b12-cds.assessment"]["rule"] == "K3"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe{}", b"[" * 60_000])
def test_what_is_not_a_json_object_is_refused(client: FlaskClient, evaluated: list[str], body: bytes) -> None:
    answer = client.post(SERVICE, data=body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json["resourceType"] == "OperationOutcome"
    assert evaluated == []


def test_production_follows_its_own_protocol_whatever_a_request_asks(client: FlaskClient) -> None:
    answer = client.post(SERVICE, json=request() | {"extension": {"org.b12-cds.protocol": "us-aafp"}})

    assert answer.json["extension"]["org.b12-cds.assessment"]["protocol"]["id"] == "uk-ng239"


def test_production_has_no_sandbox_page(client: FlaskClient) -> None:
    assert client.get("/sandbox").status_code == 404


def test_a_fault_of_ours_is_a_500_with_an_id_that_the_log_knows_and_never_an_empty_list_of_cards(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("the chart of Test Patient")

    monkeypatch.setattr("service.hooks.respond", broken)
    with caplog.at_level(logging.INFO, logger="cds_hooks"):
        answer = client.post(SERVICE, json=request())
    told = issue(_as_requests(answer))
    correlation = told["diagnostics"].removeprefix("Correlation id: ")

    assert answer.status_code == 500
    assert uuid.UUID(correlation)
    assert correlation in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "Test Patient" not in caplog.text + answer.text


def test_the_running_service_refuses_as_well(service: Running) -> None:
    call = request_for("anna-autoimmune")
    large = service.call(b'{"padding": "' + b"x" * (1024 * 1024) + b'"}')

    assert (large.status_code, issue(large)["code"]) == (413, "too-long")
    assert issue(service.call(b"not JSON"))["code"] == "structure"
    assert service.call(call | {"hook": "order-sign"}).status_code == 400
    assert requests.get(f"{service.base}{SERVICE}", timeout=5).status_code == 405
    assert requests.post(f"{service.base}/cds-services/other", json=call, timeout=5).status_code == 404


def test_one_line_a_call_is_logged_and_it_names_no_patient_and_no_token(
    ehr: SandboxEhr, service: Running, fhir: FhirServer
) -> None:
    logged = len(service.log.read_text())
    whole = ehr.prefetch(ehr.service(), "anna-autoimmune")
    server = {"fhirServer": fhir.base}
    token = {"fhirAuthorization": authorization(patient="anna-autoimmune"), **server}
    nobody = {"fhirAuthorization": authorization(patient="nobody-anna"), **server}
    calls: list[Json] = [
        request_for("anna-autoimmune", prefetch=whole, **token),
        request_for("anna-autoimmune", **token),
        request_for("anna-autoimmune"),
        request_for("anna-autoimmune", prefetch={**whole, "b12": "Anna"}, **token),
        request_for("anna-autoimmune", prefetch={**whole, "patient": {**whole["patient"], "id": "other"}}, **token),
        request_for("anna-autoimmune", hook="order-sign", prefetch=whole, **token),
        request_for("nobody-anna", **nobody),
    ]
    statuses = [service.call(call).status_code for call in calls]
    # A line is written when its answer is out.
    end = time.monotonic() + 5
    while (written := service.log.read_text()[logged:]).count('"message":"call"') < len(calls):
        assert time.monotonic() < end, written
        time.sleep(0.05)
    lines = [line for line in map(json.loads, written.splitlines()) if line["message"] == "call"]

    assert statuses == [200, 200, 412, 400, 400, 400, 412]
    # Another thread may write the line of the next call first.
    told = [(line["service"], line["status"]) for line in lines]
    assert sorted(told) == sorted(("b12-patient-view", each) for each in statuses)
    for secret in ("anna", "autoimmune", TOKEN, "Patient/", *(call["hookInstance"] for call in calls)):
        assert secret.lower() not in written.lower()
