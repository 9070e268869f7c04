"""The OpenAPI document is true: every route, status and schema that there is, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from cds_hooks.errors import Refusal
from cds_hooks.keys import KeySource
from cds_hooks.replay import GuardUnavailable
from service import hooks
from service.app import create_app
from service.settings import Settings
from service.store.replay import StoredReplayGuard
from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token

from .chart import low_b12

BASE = "https://cds.example/b12"
SERVICE = "/cds-services/b12-patient-view"
FEEDBACK = {
    "feedback": [
        {
            "card": "c",
            "outcome": "accepted",
            "outcomeTimestamp": "2026-01-02T03:04:05Z",
            "acceptedSuggestions": [{"id": "s"}],
        },
        {
            "card": "c",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-01-02T03:04:05Z",
            "overrideReason": {"reason": {"code": "a", "system": "b"}, "userComment": "no"},
        },
    ]
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("site")
    (folder / "keys.json").write_bytes(jwks(jwk(ec())))
    lines = ["issuers:", "  - issuer: https://ehr.example", "    keys-file: keys.json", "    clients:"]
    usual = ["      - name: usual", "        protocol: uk-ng239"]
    hasty = ["      - name: hasty", "        protocol: uk-ng239", "        tenants: [hasty]", "        rate: 1/hour"]
    (folder / "clients.yaml").write_text("\n".join([*lines, *usual, *hasty]), encoding="utf-8")
    return create_app(
        Settings(clients=folder / "clients.yaml", base_urls=(BASE,), database=str(folder / "b12.sqlite"), max_body=9000)
    )


@pytest.fixture(scope="module")
def document(app: Flask) -> Any:
    return json.loads(app.test_client().get("/openapi.json").data)


def test_it_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())
    names = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(names) == len(set(names))


PAGES = ("pages", "about", "insights", "smart", "sandbox")


def test_it_names_every_route_and_no_other(app: Flask, document: Any) -> None:
    ids = [s["id"] for s in send(app, "/cds-services", "get").json["services"]]
    # Pages for people are no part of it.
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] not in PAGES]
    routes = {rule.replace("<service_id>", one) for rule in rules for one in ids}

    assert set(document["paths"]) == routes


def test_it_names_every_method_that_is_not_refused(app: Flask, document: Any) -> None:
    for path, operations in document["paths"].items():
        for method in ("get", "head", "post", "put", "patch", "delete", "options"):
            allowed = send(app, path, method).status_code != 405
            assert allowed == (method in operations), (path, method)


def send(app: Flask, path: str, method: str = "post", body: Any = None, **more: Any) -> TestResponse:
    given = {"Authorization": f"Bearer {token(claims(path, aud=BASE + path, **more.pop('claims', {})))}"}
    data = {} if method in ("get", "head", "options") else {"json": low_b12() if body is None else body}
    options: dict[str, Any] = {"headers": given, **data, **more}
    return app.test_client().open(path, method=method.upper(), **options)


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **more: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(hooks, "respond", fails)
    monkeypatch.setattr("cds_hooks.door.read_feedback", fails)
    monkeypatch.setattr("cds_hooks.gate.RateLimit.count", fails)


def lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **more: Any) -> Any:
        raise GuardUnavailable

    monkeypatch.setattr(StoredReplayGuard, "first_use", fails)


def provoked(app: Flask, path: str, method: str, status: str, monkeypatch: pytest.MonkeyPatch) -> TestResponse:
    """An answer with this status, got by what leads to it."""
    body = FEEDBACK if path.endswith("/feedback") else low_b12()
    if status == "401":
        return app.test_client().open(path, method=method.upper(), json=body)
    if status == "429":
        send(app, path, method, body, claims={"tenant": "hasty"})
        return send(app, path, method, body, claims={"tenant": "hasty"})
    if status == "500":
        broken(monkeypatch)
    if status == "503" and path == "/readyz":
        monkeypatch.setattr(KeySource, "is_ready", lambda self: False)
    elif status == "503":
        lost(monkeypatch)
    if status == "413":
        return send(app, path, method, {"more": "x" * 10000})
    if status == "415":
        return send(app, path, method, data=b"{}", json=None, content_type="text/plain")
    if status == "412":
        body = low_b12(prefetch={})
    return send(app, path, method, {} if status == "400" else body)


def schema_of(document: Any, answer: TestResponse, responses: Any) -> None:
    """Check an answer against what the document says of its status."""
    told = responses[str(answer.status_code)]
    for name, header in told.get("headers", {}).items():
        assert name in answer.headers or not header["required"], name
    if "content" not in told:
        assert answer.data == b""
        return
    ((media, content),) = told["content"].items()
    assert answer.mimetype == media
    Draft202012Validator({**content["schema"], "components": document["components"]}).validate(answer.json)


def operations() -> list[tuple[str, str, str]]:
    calls = ["200", "400", "401", "412", "413", "415", "429", "500", "503"]
    found = [(SERVICE, "post", status) for status in calls]
    found += [(f"{SERVICE}/feedback", "post", status) for status in calls if status != "412"]
    found += [("/cds-services", method, s) for method in ("get", "head") for s in ("200", "401", "429", "500", "503")]
    found += [(path, "options", "204") for path in ("/cds-services", SERVICE, f"{SERVICE}/feedback")]
    found += [(path, method, "200") for path in ("/healthz", "/readyz", "/openapi.json") for method in ("get", "head")]
    return [*found, ("/readyz", "get", "503"), ("/readyz", "head", "503")]


@pytest.mark.parametrize(("path", "method", "status"), operations())
def test_each_status_is_given_and_is_what_the_document_says(
    app: Flask, document: Any, monkeypatch: pytest.MonkeyPatch, path: str, method: str, status: str
) -> None:
    answer = provoked(app, path, method, status, monkeypatch)

    assert str(answer.status_code) == status, answer.data
    schema_of(document, answer, document["paths"][path][method]["responses"])


def test_no_status_is_told_that_is_never_given(document: Any) -> None:
    told = {
        (path, method, status)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
        if path in (SERVICE, f"{SERVICE}/feedback") or (SERVICE not in path and not path.startswith("/cds-services/"))
    }

    assert told == set(operations())


def test_every_refusal_is_in_the_document(document: Any) -> None:
    told = {int(s) for path in document["paths"].values() for op in path.values() for s in op["responses"]}

    # 404 and 405 answer paths and methods that are not in it.
    assert {kind.status for kind in Refusal.__subclasses__()} - told == {404, 405}


def test_without_authentication_or_a_store_it_says_so() -> None:
    plain = create_app(Settings(protocol="uk-ng239", authentication="off")).test_client()
    told = plain.get("/openapi.json").json

    assert "security" not in json.dumps(told)
    assert set(told["paths"][SERVICE]["post"]["responses"]) == {"200", "400", "412", "413", "415", "500"}
    assert set(told["paths"][f"{SERVICE}/feedback"]["post"]["responses"]) == {"404", "500"}
    assert plain.post(f"{SERVICE}/feedback", json=FEEDBACK).status_code == 404


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"prefetch": ...}, True),
        ({"extension": {"org.example.x": 1}}, True),
        ({"hook": "order-sign"}, False),
        ({"hookInstance": ...}, False),
        ({"context": {"userId": "Practitioner/1"}}, False),
        ({"context": {"userId": "Nobody/1", "patientId": "pat-7731"}}, False),
        ({"context": {"userId": "Practitioner/1", "patientId": "a/b"}}, False),
        ({"prefetch": {"b12": []}}, False),
        ({"fhirAuthorization": {}}, False),
    ],
)
def test_the_request_it_describes_is_the_request_that_is_taken(
    app: Flask, document: Any, change: dict[str, Any], good: bool
) -> None:
    body = low_b12(**change)
    schema = {"$ref": "#/components/schemas/Request.b12-patient-view", "components": document["components"]}

    assert Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(body) == good
    assert (send(app, SERVICE, body=body).status_code != 400) == good


def test_the_feedback_it_describes_is_the_feedback_that_is_taken(document: Any) -> None:
    schema = {"$ref": "#/components/schemas/Feedback", "components": document["components"]}
    valid = Draft202012Validator(schema).is_valid

    assert valid(FEEDBACK)
    for wrong in ({"acceptedSuggestions": ...}, {"outcome": "maybe"}, {"card": ...}, {"acceptedSuggestions": []}):
        item = {k: v for k, v in (FEEDBACK["feedback"][0] | wrong).items() if v is not ...}
        assert not valid({"feedback": [item]}), wrong
