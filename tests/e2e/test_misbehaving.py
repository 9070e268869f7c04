"""What a clinician sees when the FHIR server misbehaves: one sentence a way, over real sockets."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.evaluate import shipped
from service.settings import Settings

from .chart import SEEDED, low_b12
from .misbehaving import (
    LOGIN,
    NAME,
    Ehr,
    Handler,
    bomb,
    breaks_off,
    drips,
    drips_its_headers,
    ehr,
    gives,
    hangs_up,
    late,
    never_ends,
    order,
    outcome,
    pages_in_a_ring,
    pages_without_end,
    says,
    searchset,
    second_page,
    speaks_no_http,
    stalls,
)

Way = Callable[[Handler], None]
SERVICE = "/cds-services/b12-patient-view"
ENOUGH, SHORT = 8.0, 0.5
"""Seconds for fetching: ten megabytes are certainly read, and a server that never ends is soon given up."""
SLOW = (late, drips, drips_its_headers, stalls)
TOKEN = "fhir-access-token-of-this-call-8d1f"
NOT_JSON = "the FHIR server's answer is not JSON"
UNREADABLE = "the server's answer could not be read"
LATE = "the FHIR server did not answer in time"
BROKEN = "the FHIR server's answer broke off"
TOO_LARGE = "the FHIR server's answer is larger than 10485760 bytes"
REPORTED = "the server answered with an OperationOutcome (security)"

#: How the server answers the search of one kind of resource, and why the card says that it was not checked.
NOTHING_HAD: dict[str, tuple[Way, str]] = {
    "it answers after the deadline": (late, LATE),
    "it drips the body, byte by byte": (drips, LATE),
    "it drips headers that never end": (drips_its_headers, LATE),
    "it stalls in the middle of the body": (stalls, LATE),
    "it sends a body that never ends": (never_ends, TOO_LARGE),
    "it sends a small answer that unpacks to forty megabytes": (bomb, TOO_LARGE),
    "it closes the connection without a word": (hangs_up, "the FHIR server cannot be reached"),
    "it does not speak HTTP": (speaks_no_http, "the FHIR server cannot be reached"),
    "it breaks off in the middle of the body": (breaks_off, BROKEN),
    "it refuses the token": (says(401), "the FHIR server refused the access token (401)"),
    "it says that the token does not allow this": (says(403), "the access token does not allow this (403)"),
    "it does not know such resources": (says(404), "the FHIR server does not know this (404)"),
    "it has deleted them": (says(410), "the FHIR server has deleted this (410)"),
    "it asks to be asked later": (says(429, Retry_After="1"), "the FHIR server is too busy (429)"),
    "it fails": (says(500), "the FHIR server answered 500"),
    "it is being repaired": (says(503, Retry_After="120"), "the FHIR server answered 503"),
    "it refuses the query": (says(400), "the FHIR server answered 400"),
    "it answers 201": (gives(searchset(), status=201), "the FHIR server answered 201"),
    "it redirects to a login page": (
        says(302, Location="http://127.0.0.1:9/login"),
        "the FHIR server redirects (302), which is not followed",
    ),
    "it redirects to itself": (says(307, Location="?"), "the FHIR server redirects (307), which is not followed"),
    "it shows a login page": (gives(LOGIN, kind="text/html"), NOT_JSON),
    "it calls a login page JSON": (gives(LOGIN), NOT_JSON),
    "it answers in XML": (gives(b"<Bundle/>", kind="application/fhir+xml"), NOT_JSON),
    "it calls JSON plain text": (gives(searchset(order()), kind="text/plain"), NOT_JSON),
    "it says nothing of what it sends": (gives(searchset(order()), kind=""), NOT_JSON),
    "it sends nothing": (gives(b""), NOT_JSON),
    "it sends JSON that stops short": (gives(searchset(order())[:-3]), NOT_JSON),
    "it sends two answers in one": (gives(searchset() * 2), NOT_JSON),
    "it sends bytes that are no text": (gives(b'{"resourceType": "Bundle", "id": "\xff\xfe"}'), NOT_JSON),
    "it says that plain text is packed": (gives(searchset(), Content_Encoding="gzip"), BROKEN),
    "it packs in a way that nobody asked for": (gives(b"\x8b\x00\x80\x03", Content_Encoding="br"), NOT_JSON),
    "it nests a thousand lists": (gives(b"[" * 5000 + b"]" * 5000), NOT_JSON),
    "it answers null": (gives(b"null"), UNREADABLE),
    "it answers with a list": (gives(b"[]"), UNREADABLE),
    "it answers with no resource": (gives({"entry": []}), UNREADABLE),
    "it answers with a Bundle whose entries are no list": (gives({"resourceType": "Bundle", "entry": 7}), UNREADABLE),
    "it reports an error as if all were well": (gives(outcome()), REPORTED),
    "it reports an error among its matches": (gives(searchset(order(), outcome("fatal"))), REPORTED),
}

#: How the server gives a part of the data, and goes on.
PARTS: dict[str, Way] = {
    "its pages never end": pages_without_end,
    "its pages lead in a ring": pages_in_a_ring,
    "its second page leads to another server": gives(searchset(order(), following="https://evil.example/fhir?page=2")),
    "its second page leads out of its base": gives(searchset(order(), following="../admin?page=2")),
    "its second page is refused": second_page(says(403)),
    "its second page is a login page": second_page(gives(LOGIN, kind="text/html")),
    "its second page drips": second_page(drips),
    "its second page is an error": second_page(gives(outcome())),
}

#: How the server answers with resources that are not what was asked for.
NOT_ASKED_FOR: dict[str, Way] = {
    "other kinds of resources": gives(searchset({"resourceType": "Slot", "id": "s1"})),
    "one resource where a search belongs": gives(order()),
    "resources without a type": gives(searchset({"id": "x"})),
    "a resource whose every element is of another type": gives(
        searchset({"resourceType": "MedicationRequest", "id": 7, "status": [], "medicationCodeableConcept": "x"})
    ),
}


def held() -> dict[str, Any]:
    """What the server knows: the patient, a low B12, nothing else."""
    known = low_b12()["prefetch"]
    return {"Patient": known["patient"], "Observation": known["b12"]}


def asked(server: Ehr, seconds: float) -> Any:
    """The answer to a call that sends nothing: all has to be fetched."""
    scope = {"token_type": "Bearer", "expires_in": 60, "scope": "patient/*.read", "subject": "cds"}
    access = {"access_token": TOKEN, "patient": "pat-7731"} | scope
    body = low_b12(prefetch=..., fhirServer=server.base, fhirAuthorization=access)
    http = service(server, seconds)
    started = time.monotonic()
    answer = http.post(SERVICE, json=body)
    assert time.monotonic() - started < seconds + 1.0
    return answer


def service(server: Ehr, seconds: float) -> FlaskClient:
    """The production application, which may ask this server for so long."""
    given = {"protocol": "uk-ng239", "authentication": "off", "fhir_servers": (server.base,), "fetch_seconds": seconds}
    return create_app(Settings(**given), shipped()).test_client()


def answered(way: Way, *wrong: str) -> Any:
    with ehr(held(), wrong, way) as server:
        answer = asked(server, SHORT if way in (*SLOW, PARTS["its second page drips"]) else ENOUGH)
    assert server.tokens == {f"Bearer {TOKEN}"}
    assert len(server.asked) < 40
    return answer


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def seen(answer: Any) -> str:
    """The treatment card's text, which the clinician reads."""
    assert answer.status_code == 200, answer.data
    first = answer.json["cards"][0]
    assert first["summary"].startswith("B12 deficiency confirmed")
    return str(first["detail"]).replace("\\", "")


@pytest.mark.parametrize("how", NOTHING_HAD)
def test_a_card_says_which_optional_data_was_not_checked_and_why_when(how: str, logged: Any) -> None:
    way, why = NOTHING_HAD[how]

    answer = answered(way, "MedicationRequest")

    assert f"Not checked: prescriptions (not sent; {why})" in seen(answer)
    for secret in (NAME, *SEEDED, TOKEN):
        assert secret not in logged.text
    assert NAME not in answer.text


@pytest.mark.parametrize("how", NOTHING_HAD)
def test_there_is_a_refusal_and_no_card_without_b12_and_problems_when(how: str) -> None:
    way, why = NOTHING_HAD[how]

    answer = answered(way, "Observation", "Condition")

    assert answer.status_code == 412
    (issue,) = answer.json["issue"]
    assert why in issue["diagnostics"]
    assert "cards" not in answer.json
    assert NAME not in answer.text


@pytest.mark.parametrize("how", PARTS)
def test_a_card_says_that_not_all_was_seen_when(how: str) -> None:
    assert "Not checked: prescriptions, not all of it" in seen(answered(PARTS[how], "MedicationRequest"))


@pytest.mark.parametrize("how", NOT_ASKED_FOR)
def test_what_was_not_asked_for_hides_nothing_and_changes_no_plan(how: str) -> None:
    plain = seen(answered(gives(searchset()), "MedicationRequest"))

    said = seen(answered(NOT_ASKED_FOR[how], "MedicationRequest"))

    assert plain.partition("**Not known**")[0] == said.partition("**Not known**")[0]


@pytest.mark.parametrize("kind", ["Observation", "Condition", "MedicationRequest", "AllergyIntolerance"])
def test_another_patient_s_data_stops_everything(kind: str) -> None:
    stranger = {"reference": f"Patient/{NAME}"}
    resource = {"resourceType": kind, "id": "x1", "subject": stranger, "patient": stranger}

    answer = answered(gives(searchset(resource)), kind)

    assert answer.status_code == 400
    assert answer.json["issue"][0]["code"] == "conflict"
    assert NAME not in answer.text


@pytest.mark.parametrize(
    ("way", "why"),
    [
        (gives({"resourceType": "Patient", "id": NAME}), "the server answered with another resource"),
        (gives({"resourceType": "Observation", "id": "pat-7731"}), "the server answered with another resource"),
        (gives(searchset()), "the server answered with another resource"),
        (says(404), "the FHIR server does not know this (404)"),
    ],
)
def test_without_the_patient_there_is_no_card(way: Way, why: str) -> None:
    answer = answered(way, "Patient")

    assert answer.status_code == 412
    assert why in answer.json["issue"][0]["diagnostics"]


def test_a_server_that_drips_headers_holds_no_thread_once_the_call_is_answered() -> None:
    """Thirty-two threads fetch for everybody: none of them may be kept by whoever sends slowly enough."""
    with ehr(held(), ("MedicationRequest",), drips_its_headers) as server:
        http = service(server, SHORT)
        for _ in range(36):
            answer = http.post(SERVICE, json=low_b12(prefetch=..., fhirServer=server.base))
            assert f"prescriptions (not sent; {LATE})" in seen(answer)


def test_the_ways_are_told_apart() -> None:
    assert len({json.dumps(why) for _, why in NOTHING_HAD.values()}) > 12
