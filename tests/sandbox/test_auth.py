"""The demo's authorization server and the door of its FHIR server: what they refuse, whatever an app sends."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from service.sandbox import start
from service.sandbox.auth import CLIENT
from service.sandbox.auth_grants import Grant
from tests.smart.kit import House, Page, asked, house, text

ANNA, NORA = "anna-autoimmune", "nora-neurology"
VERIFIER = "v" * 64
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def there() -> Iterator[House]:
    with start(date(2026, 11, 20)) as server, house(server.base) as running:
        yield running


def wish(there: House, **more: str | None) -> str:
    """An authorization request for stand-alone use, right but for what the test changes."""
    sent: dict[str, str | None] = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{there.smart}/callback",
        "scope": "launch/patient patient/Patient.rs patient/Observation.rs",
        "state": "the-state",
        "aud": there.fhir,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    query = urlencode({name: value for name, value in sent.items() if value is not None})
    return f"{there.base}/sandbox/auth/authorize?{query}"


def turned_back(answer: requests.Response) -> dict[str, str]:
    """What the app is told, at its own address."""
    assert answer.status_code == 302, answer.text
    return asked(answer.headers["Location"])


def code(there: House, url: str) -> str:
    browser = requests.Session()
    page = Page(browser.get(url, timeout=10).text)
    form = {**page.fields, "decision": "allow", "allowed": page.ticked, "patient": ANNA}
    answer = browser.post(f"{there.base}{page.action}", data=form, allow_redirects=False, timeout=10)
    return turned_back(answer)["code"]


def token(there: House, **more: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "redirect_uri": f"{there.smart}/callback",
        "code_verifier": VERIFIER,
        **more,
    }
    url = f"{there.base}/sandbox/auth/token"
    return requests.post(url, data={name: value for name, value in form.items() if value}, timeout=10)


@pytest.mark.parametrize(
    "more",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": "short"},
    ],
    ids=str,
)
def test_a_request_without_pkce_by_s256_is_turned_back(there: House, more: dict[str, str | None]) -> None:
    told = turned_back(requests.get(wish(there, **more), allow_redirects=False, timeout=10))

    assert (told["error"], told["state"], told["iss"]) == ("invalid_request", "the-state", there.fhir)


@pytest.mark.parametrize("aud", [None, "https://other.example/fhir"])
def test_a_request_for_another_fhir_server_is_turned_back(there: House, aud: str | None) -> None:
    assert (
        turned_back(requests.get(wish(there, aud=aud), allow_redirects=False, timeout=10))["error"] == "invalid_request"
    )


@pytest.mark.parametrize("more", [{"launch": "x"}, {"scope": "launch patient/Patient.rs"}], ids=str)
def test_a_launch_handle_and_the_scope_launch_belong_together(there: House, more: dict[str, str]) -> None:
    assert (
        turned_back(requests.get(wish(there, **more), allow_redirects=False, timeout=10))["error"] == "invalid_request"
    )


@pytest.mark.parametrize("more", [{"redirect_uri": "https://evil.example/"}, {"client_id": "another"}], ids=str)
def test_a_stranger_is_shown_a_page_and_never_sent_anywhere(there: House, more: dict[str, str]) -> None:
    answer = requests.get(wish(there, **more), allow_redirects=False, timeout=10)

    assert (answer.status_code, "Not possible" in text(answer)) == (400, True)


def test_a_launch_that_is_too_old_is_said(there: House) -> None:
    answer = requests.get(wish(there, scope="launch patient/Patient.rs", launch="gone"), timeout=10)

    assert (answer.status_code, "too old" in text(answer)) == (400, True)


def test_consent_needs_the_token_of_its_own_page(there: House) -> None:
    forged = requests.post(wish(there), data={"decision": "allow", "patient": ANNA}, allow_redirects=False, timeout=10)

    assert forged.status_code == 400


def test_a_code_is_good_once_for_its_app_its_address_and_its_verifier(there: House) -> None:
    right = code(there, wish(there))
    assert token(there, code=right).status_code == 200

    wrong: list[dict[str, str]] = [
        {"code": right},
        {"code": code(there, wish(there)), "code_verifier": "w" * 64},
        {"code": code(there, wish(there)), "redirect_uri": f"{there.smart}/other"},
        {"code": "invented"},
    ]
    assert [token(there, **each).json()["error"] for each in wrong] == ["invalid_grant"] * 4
    assert token(there, code=code(there, wish(there)), code_verifier="").json()["error"] == "invalid_request"
    assert token(there, code=code(there, wish(there)), client_id="another").json()["error"] == "invalid_client"


def test_a_code_that_met_a_wrong_verifier_is_spent(there: House) -> None:
    stolen = code(there, wish(there))
    token(there, code=stolen, code_verifier="w" * 64)

    assert token(there, code=stolen).json()["error"] == "invalid_grant"


def test_a_token_answer_names_the_patient_and_what_was_granted_and_is_not_kept(there: House) -> None:
    answer = token(there, code=code(there, wish(there)))
    said = answer.json()

    assert (said["patient"], said["token_type"], said["expires_in"]) == (ANNA, "Bearer", 300)
    assert said["scope"].split() == ["launch/patient", "patient/Patient.rs", "patient/Observation.rs"]
    assert "refresh_token" not in said
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_refresh_token_is_given_for_online_access_and_turns_over(there: House) -> None:
    first = token(there, code=code(there, wish(there, scope="launch/patient online_access patient/Patient.rs"))).json()
    renewed = token(there, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()

    assert renewed["patient"] == ANNA
    assert len({first["refresh_token"], renewed["refresh_token"]}) == 2
    again = token(there, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"


def granted(there: House, scope: str, seconds: float = 60) -> dict[str, str]:
    """The header of a token that was granted for Anna."""
    secret = f"token for {scope} {seconds}".replace(" ", "-")
    there.demo.authority.keep("ehr-token", Grant(client=CLIENT, scope=scope, patient=ANNA), secret, seconds)
    return {"Authorization": f"Bearer {secret}"}


def ask(there: House, method: str, path: str, headers: dict[str, str], **more: Any) -> requests.Response:
    return requests.request(method, f"{there.fhir}{path}", headers=headers, timeout=10, **more)


def test_the_door_is_shut_without_a_good_token(there: House) -> None:
    answers = [
        ask(there, "GET", f"/Patient/{ANNA}", headers)
        for headers in (
            {},
            {"Authorization": "Bearer invented"},
            {"Authorization": "Basic YTpi"},
            granted(there, "patient/Patient.rs", seconds=-1),
        )
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert ask(there, "GET", "/metadata", {}).json()["resourceType"] == "CapabilityStatement"


def test_a_token_reads_its_patient_within_its_scopes(there: House) -> None:
    good = granted(there, "patient/Patient.rs patient/Observation.rs")

    assert ask(there, "GET", f"/Patient/{ANNA}", good).json()["id"] == ANNA
    found = ask(there, "GET", f"/Observation?patient={ANNA}&_count=2", good)
    assert {entry["resource"]["subject"]["reference"] for entry in found.json()["entry"]} == {f"Patient/{ANNA}"}
    assert there.demo.gate.inside not in found.text
    (following,) = (link["url"] for link in found.json()["link"] if link["relation"] == "next")
    assert requests.get(following, headers=good, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/Patient/{NORA}"),
        ("GET", f"/Observation?patient={NORA}"),
        ("GET", f"/Observation?subject=Patient/{NORA}"),
        ("GET", f"/Observation?patient={ANNA}&patient={NORA}"),
        ("GET", f"/Patient?_id={NORA}"),
        ("GET", f"/Condition?patient={ANNA}"),
        ("GET", f"/Patient/{ANNA}/$everything"),
        ("GET", f"/Patient/{ANNA}/_history"),
        ("DELETE", f"/Patient/{ANNA}"),
        ("GET", "/"),
    ],
)
def test_a_token_reaches_no_other_patient_type_or_operation(there: House, method: str, path: str) -> None:
    good = granted(there, "patient/Patient.rs patient/Observation.rs")

    assert ask(there, method, path, good).status_code == 403


def test_a_search_without_a_patient_finds_the_tokens_patient_alone(there: House) -> None:
    good = granted(there, "patient/Patient.rs patient/Observation.rs")

    assert [each["resource"]["id"] for each in ask(there, "GET", "/Patient", good).json()["entry"]] == [ANNA]
    posted = ask(there, "POST", "/Observation/_search", good, data={"_count": "200"}).json()
    assert {each["resource"]["subject"]["reference"] for each in posted["entry"]} == {f"Patient/{ANNA}"}


def order(patient: str = ANNA, status: str = "draft") -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": status,
        "intent": "proposal",
        "code": {"text": "test"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def transaction(*entries: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    made = [{"resource": resource, "request": {"method": method, "url": url}} for method, url, resource in entries]
    return {"resourceType": "Bundle", "type": "transaction", "entry": made}


def test_a_transaction_writes_what_the_scopes_allow_for_the_tokens_patient(there: House) -> None:
    writer = granted(there, "patient/ServiceRequest.cruds")

    answer = ask(there, "POST", "", writer, json=transaction(("POST", "ServiceRequest", order())))

    assert answer.status_code == 200, answer.text
    place = answer.json()["entry"][0]["response"]["location"].partition("/_history")[0].split("/")[-1]
    assert ask(there, "GET", f"/ServiceRequest/{place}", writer).json()["status"] == "draft"


@pytest.mark.parametrize(
    ("scope", "bundle"),
    [
        ("patient/ServiceRequest.rs", transaction(("POST", "ServiceRequest", order()))),
        ("patient/ServiceRequest.c", transaction(("PUT", "ServiceRequest/x", order()))),
        ("patient/ServiceRequest.cruds", transaction(("POST", "ServiceRequest", order(NORA)))),
        (
            "patient/ServiceRequest.cruds",
            transaction(("POST", "ServiceRequest", order()), ("DELETE", f"Patient/{NORA}", {})),
        ),
        ("patient/ServiceRequest.cruds", transaction(("GET", f"Patient/{NORA}", {}))),
        ("patient/ServiceRequest.cruds", {"resourceType": "Patient"}),
    ],
    ids=["no right to add", "no right to change", "another patient", "a deletion", "a reading", "no transaction"],
)
def test_a_transaction_that_goes_beyond_is_refused_whole(there: House, scope: str, bundle: dict[str, Any]) -> None:
    assert ask(there, "POST", "", granted(there, scope), json=bundle).status_code == 403


def test_one_resource_is_added_or_changed_for_the_tokens_patient_only(there: House) -> None:
    writer = granted(there, "patient/ServiceRequest.cruds")

    made = ask(there, "POST", "/ServiceRequest", writer, json=order())
    assert made.status_code == 201
    assert made.headers["Location"].startswith(there.fhir)
    assert ask(there, "POST", "/ServiceRequest", writer, json=order(NORA)).status_code == 403
    place = f"/ServiceRequest/{made.json()['id']}"
    changed = {**order(status="active"), "id": made.json()["id"]}
    assert ask(there, "PUT", place, writer, json=changed).json()["status"] == "active"
    assert ask(there, "PUT", place, writer, json={**changed, **order(NORA)}).status_code == 403
