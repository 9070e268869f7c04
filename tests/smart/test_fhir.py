"""The app's FHIR client: every page, one server, and each failure by its kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses

from service.smart.client import FhirError, NotAccepted, NotThere, Refused, SmartFhir, Unreachable
from service.smart.session import Session

FHIR = "https://ehr.example/fhir"
SECRET = "secret-token"


def client(token: str = SECRET) -> SmartFhir:
    ends = datetime.now(UTC) + timedelta(minutes=5)
    return SmartFhir(Session(FHIR, "p1", None, frozenset(), {}, ends, token=token))


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def bundle(*ids: str, following: str | None = None) -> dict[str, Any]:
    links = [{"relation": "self", "url": "x"}] + ([{"relation": "next", "url": following}] if following else [])
    entries = [{"resource": {"resourceType": "Observation", "id": each}} for each in ids]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


def test_a_search_brings_the_entries_of_all_pages(server: responses.RequestsMock) -> None:
    server.get(f"{FHIR}/Observation?patient=p1", json=bundle("a", "b", following=f"{FHIR}?page=2"))
    server.get(f"{FHIR}?page=2", json=bundle("c", following="Observation?page=3"))
    server.get(f"{FHIR}/Observation?page=3", json={**bundle(), "entry": []})

    found = client().search("Observation?patient=p1")

    assert [each["resource"]["id"] for each in found["entry"]] == ["a", "b", "c"]
    assert [link["relation"] for link in found["link"]] == ["self"]
    assert {call.request.headers["Authorization"] for call in server.calls} == {f"Bearer {SECRET}"}


def test_a_search_without_end_is_refused_and_never_cut(server: responses.RequestsMock) -> None:
    server.get(f"{FHIR}/Observation", json=bundle("a", following=f"{FHIR}/Observation"))

    with pytest.raises(NotAccepted, match="more than 50 pages"):
        client().search("Observation")


@pytest.mark.parametrize("away", ["https://evil.example/fhir?page=2", "https://ehr.example/other", "//evil.example/x"])
def test_a_next_page_elsewhere_is_not_asked_for(server: responses.RequestsMock, away: str) -> None:
    server.get(f"{FHIR}/Observation", json=bundle("a", following=away))

    with pytest.raises(Refused, match="leads away"):
        client().search("Observation")
    assert len(server.calls) == 1


@pytest.mark.parametrize("path", ["https://evil.example/Patient/1", "../Patient/1", "Patient/%2e%2e/x", "//evil"])
def test_nothing_but_the_sessions_server_is_asked(server: responses.RequestsMock, path: str) -> None:
    with pytest.raises(Refused, match="leads away"):
        client().read(path)
    assert len(server.calls) == 0


def test_a_transaction_is_sent_once_as_fhir_json(server: responses.RequestsMock) -> None:
    server.post(FHIR, json={"resourceType": "Bundle", "type": "transaction-response"})

    answer = client().transaction({"resourceType": "Bundle", "type": "transaction"})

    assert answer["type"] == "transaction-response"
    (call,) = server.calls
    assert call.request.headers["Content-Type"] == "application/fhir+json"
    assert json.loads(call.request.body)["type"] == "transaction"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 401}, Refused),
        ({"status": 403}, Refused),
        ({"status": 404}, NotThere),
        ({"status": 410}, NotThere),
        ({"status": 400}, NotAccepted),
        ({"status": 409}, NotAccepted),
        ({"status": 412}, NotAccepted),
        ({"status": 422}, NotAccepted),
        ({"status": 429}, Unreachable),
        ({"status": 500}, Unreachable),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, Unreachable),
        ({"status": 200, "body": "<html>"}, Unreachable),
        ({"status": 200, "body": "[]"}, Unreachable),
        ({"body": requests.ReadTimeout()}, Unreachable),
        ({"body": requests.ConnectionError(f"{FHIR}/Patient/p1 {SECRET}")}, Unreachable),
    ],
)
def test_each_failure_has_its_kind_and_words_without_address_or_token(
    server: responses.RequestsMock, answer: dict[str, Any], kind: type[FhirError]
) -> None:
    server.get(f"{FHIR}/Patient/p1", **answer)

    with pytest.raises(FhirError) as caught:
        client().read("Patient/p1")

    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert "ehr.example" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert len(server.calls) == 1


def test_what_the_server_says_of_a_refused_transaction_is_handed_on(server: responses.RequestsMock) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    server.post(FHIR, status=422, json=outcome)

    with pytest.raises(NotAccepted) as caught:
        client().transaction({"resourceType": "Bundle"})

    assert caught.value.outcome == outcome


def test_a_server_without_tokens_is_asked_without_one(server: responses.RequestsMock) -> None:
    server.get(f"{FHIR}/Patient/p1", json={"resourceType": "Patient", "id": "p1"})

    client(token="").read("Patient/p1")

    assert "Authorization" not in server.calls[0].request.headers
