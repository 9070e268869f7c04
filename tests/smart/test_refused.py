"""What is refused at a launch over real servers, and that the page says what to do."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests

from service.smart.pages import SESSION
from service.smart.servers import Server

from .kit import Browser, House, Page, asked, house, launched, standalone_at, text

ANNA, NORA = "anna-autoimmune", "nora-neurology"


def refused(answer: requests.Response, kind: str, status: int) -> None:
    """A page with this reason, what to do, and no session."""
    said = text(answer)
    assert (answer.status_code, f"For support: {kind}" in said) == (status, True), said
    assert "What happened" in said
    assert "What to do" in said
    assert SESSION not in answer.headers.get("Set-Cookie", "").split("=")[0].split()


def way_back(there: House, browser: Browser, page: requests.Response) -> str:
    """The address that the authorization server would send the browser to, not gone to yet."""
    read = Page(page.text)
    fields = {**read.fields, "decision": "allow", "allowed": read.ticked}
    answer = browser.session.post(f"{there.base}{read.action}", data=fields, allow_redirects=False, timeout=10)
    return answer.headers["Location"]


def test_a_launch_from_a_server_that_is_not_on_the_list_goes_nowhere(there: House) -> None:
    browser = Browser()

    answer = browser.get(f"{there.smart}/launch?iss={quote('https://evil.example/fhir')}&launch=x")

    refused(answer, "UnknownServer", 403)
    assert len(browser.went) == 1


@pytest.mark.parametrize(
    "iss", ["", "javascript:alert(1)", "http://127.0.0.1:1/sandbox/fhir", "{fhir}2", "{fhir}/../x"]
)
def test_what_only_looks_like_a_listed_server_is_not_one(there: House, iss: str) -> None:
    answer = requests.get(f"{there.smart}/launch", params={"iss": iss.format(fhir=there.fhir)}, timeout=10)

    refused(answer, "UnknownServer", 403)


def test_another_state_than_the_one_that_was_sent_is_refused(there: House) -> None:
    browser, page = launched(there, ANNA)
    back = way_back(there, browser, page)
    state = asked(back)["state"]

    refused(browser.get(back.replace(state, "A" * 43)), "WrongState", 400)


def test_an_answer_that_reaches_another_browser_is_refused(there: House) -> None:
    browser, page = launched(there, ANNA)

    refused(Browser().get(way_back(there, browser, page)), "WrongState", 400)


def test_an_answer_is_used_once(there: House) -> None:
    browser, page = launched(there, ANNA)
    back = way_back(there, browser, page)
    assert browser.get(back).status_code == 200

    refused(browser.get(back), "WrongState", 400)


def test_a_sign_in_that_took_longer_than_ten_minutes_is_refused(there: House, monkeypatch: pytest.MonkeyPatch) -> None:
    launches = there.app.extensions["smart"].launches
    monkeypatch.setattr(launches, "_clock", lambda: datetime.now(UTC) - timedelta(minutes=10, seconds=1))
    browser, page = launched(there, ANNA)
    monkeypatch.undo()

    refused(browser.get(way_back(there, browser, page)), "WrongState", 400)


@pytest.mark.parametrize("named", ["https://evil.example/fhir", None])
def test_an_answer_of_another_authorization_server_is_refused(there: House, named: str | None) -> None:
    browser, page = launched(there, ANNA)
    back = way_back(there, browser, page)
    told = {name: value for name, value in asked(back).items() if name != "iss"} | ({"iss": named} if named else {})

    refused(browser.get(f"{back.partition('?')[0]}?{urlencode(told)}"), "WrongIssuer", 400)


def test_a_code_that_was_used_before_is_refused_by_the_server_and_said_so(there: House) -> None:
    browser, page = launched(there, ANNA)
    code = asked(way_back(there, browser, page))["code"]
    there.demo.authority.find("ehr-code", code, once=True)
    browser, page = launched(there, ANNA)
    back = way_back(there, browser, page)

    refused(browser.get(back.replace(asked(back)["code"], code)), "CodeSpent", 400)


def test_a_code_from_another_launch_does_not_fit_this_ones_verifier(there: House) -> None:
    thief, page = launched(there, ANNA)
    stolen = asked(way_back(there, thief, page))["code"]
    browser, page = launched(there, NORA)
    back = way_back(there, browser, page)

    refused(browser.get(back.replace(asked(back)["code"], stolen)), "CodeSpent", 400)


def test_a_clinician_who_declines_is_told_how_to_allow_it(there: House) -> None:
    browser, page = launched(there, ANNA)

    answer = browser.allow(page, decision="deny")

    refused(answer, "ServerSaidNo", 403)
    assert "access_denied" in text(answer)


def test_the_words_of_a_foreign_error_are_not_repeated(there: House) -> None:
    browser, _ = launched(there, ANNA)
    state = asked(browser.went[-1])["state"]
    told = {"state": state, "iss": there.fhir, "error": "call 555", "error_description": "<b>call 555</b>"}

    answer = browser.get(f"{there.smart}/callback?{urlencode(told)}")

    refused(answer, "ServerSaidNo", 403)
    assert "555" not in answer.text


@pytest.mark.parametrize(
    ("scope", "name"),
    [("patient/Observation.rs", "Observation"), ("patient/AllergyIntolerance.rs", "AllergyIntolerance")],
)
def test_a_chart_that_may_be_read_only_in_part_makes_no_plan(there: House, scope: str, name: str) -> None:
    browser, page = launched(there, ANNA)

    answer = browser.allow(page, without=(scope,))

    refused(answer, "ScopeNotGranted", 403)
    assert f"Not granted: {name}." in text(answer)


def test_an_app_that_may_not_write_is_still_opened(there: House) -> None:
    browser, page = launched(there, ANNA)

    assert browser.allow(page, without=("patient/CarePlan.crs",)).json()["patient"] == ANNA


def test_a_token_for_another_patient_than_the_cards_is_refused(there: House) -> None:
    browser, page = launched(there, ANNA, json.dumps({"patient": NORA}))

    refused(browser.allow(page), "OtherPatient", 409)


def test_without_the_scope_of_the_user_the_app_opens_and_knows_nobody(there: House) -> None:
    browser, page = launched(there, ANNA)

    opened = browser.allow(page, without=("openid", "fhirUser")).json()

    assert (opened["patient"], opened["user"]) == (ANNA, None)


def test_an_expired_token_ends_the_session_where_it_cannot_be_renewed(
    there: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page, without=("online_access",))
    launches = there.app.extensions["smart"].launches
    monkeypatch.setattr(launches, "_clock", lambda: datetime.now(UTC) + timedelta(seconds=299))
    assert browser.get(opened.url).status_code == 200
    monkeypatch.setattr(launches, "_clock", lambda: datetime.now(UTC) + timedelta(seconds=301))

    answer = browser.get(opened.url)

    assert answer.status_code == 401
    assert "Open the app again from the patient's chart" in text(answer)


def test_a_token_that_the_server_ended_is_said_on_the_page(there: House, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page)
    find = there.safe.get
    monkeypatch.setattr(there.safe, "get", lambda kind, key: None if kind == "ehr-token" else find(kind, key))

    answer = browser.get(f"{opened.url}read/Patient/{ANNA}")

    assert answer.status_code == 502
    assert "does not accept the access any more" in text(answer)


def test_a_session_reads_its_own_patient_and_nobody_else(there: House) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page)

    assert browser.get(f"{opened.url}read/Patient/{ANNA}").json()["id"] == ANNA
    assert "does not allow this" in text(browser.get(f"{opened.url}read/Patient/{NORA}"))


def test_a_server_without_a_smart_configuration_is_said_so(fhir: str) -> None:
    nowhere = f"{fhir}/Patient"
    with house(fhir, own=(Server(fhir=nowhere, name="Plain FHIR", client_id="b12"),)) as running:
        refused(standalone_at(running, nowhere), "NoDiscovery", 502)


def test_a_listed_name_that_leads_to_a_private_address_is_not_connected_to(
    fhir: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look_up = socket.getaddrinfo

    def rebound(host: str, *rest: Any, **more: Any) -> Any:
        return look_up("127.0.0.1" if host == "ehr.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with house(fhir, own=(Server(fhir="https://ehr.example/fhir", name="Rebound", client_id="b12"),)) as running:
        refused(standalone_at(running, "https://ehr.example/fhir"), "NoDiscovery", 502)

    assert "refused=private-address" in caplog.text
