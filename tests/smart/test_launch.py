"""A launch from the chart and one without, over real servers: what is asked and granted, what the browser holds."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from service.smart.pages import SESSION

from .kit import Browser, House, Page, asked, launched, text

ANNA, NORA = "anna-autoimmune", "nora-neurology"


def context(patient: str = ANNA) -> str:
    return json.dumps({"protocol": "us-aafp", "card": "0b0c", "patient": patient})


def standalone(there: House) -> tuple[Browser, requests.Response]:
    browser = Browser()
    return browser, browser.get(f"{there.smart}/standalone?iss={there.fhir}")


def test_an_app_that_is_opened_from_a_chart_knows_the_patient_the_clinician_and_the_card(there: House) -> None:
    browser, page = launched(there, ANNA, context())

    opened = browser.allow(page).json()

    assert (opened["fhir"], opened["patient"]) == (there.fhir, ANNA)
    assert opened["user"] == "Practitioner/sandbox-clinician"
    assert opened["context"] == json.loads(context())


def test_an_app_that_is_opened_by_itself_has_the_patient_who_was_chosen(there: House) -> None:
    browser, page = standalone(there)
    assert "Nora" in text(page)

    opened = browser.allow(page, patient=NORA).json()

    assert (opened["patient"], opened["context"]) == (NORA, {})


def test_the_start_page_names_the_servers_and_leads_to_them(there: House) -> None:
    page = requests.get(there.smart, timeout=10)

    assert "Demo EHR" in text(page)
    assert "/smart/standalone?iss=http" in page.text


def test_every_launch_has_a_pkce_challenge_by_s256_a_state_and_a_nonce_of_its_own(there: House) -> None:
    sent = [asked(launched(there, ANNA)[0].went[-1]) for _ in range(2)] + [asked(standalone(there)[0].went[-1])]

    assert {each["code_challenge_method"] for each in sent} == {"S256"}
    assert {each["aud"] for each in sent} == {there.fhir}
    for name, length in {"code_challenge": 43, "state": 43, "nonce": 32}.items():
        assert len({each[name] for each in sent}) == 3
        assert all(len(each[name]) == length for each in sent)
    assert ["launch" in each for each in sent] == [True, True, False]


def test_a_launch_asks_for_what_the_plan_reads_and_the_orders_it_writes_and_no_more(there: House) -> None:
    scopes = asked(launched(there, ANNA)[0].went[-1])["scope"].split()

    assert {"launch", "openid", "fhirUser", "online_access", "patient/Observation.rs"} <= set(scopes)
    assert {each for each in scopes if "c" in each.rpartition(".")[2] and "/" in each} == {
        "patient/MedicationRequest.crs",
        "patient/ServiceRequest.crs",
        "patient/CarePlan.crs",
    }
    assert not any("*" in each or "offline" in each for each in scopes)


def test_the_browser_holds_two_opaque_cookies_that_no_script_can_read(there: House) -> None:
    browser, page = launched(there, ANNA)
    answer = browser.session.post(
        f"{there.base}{Page(page.text).action}",
        data={**Page(page.text).fields, "decision": "allow", "allowed": Page(page.text).ticked},
        allow_redirects=False,
        timeout=10,
    )
    back = browser.session.get(answer.headers["Location"], allow_redirects=False, timeout=10)
    cookie = back.headers["Set-Cookie"]

    name = urlsplit(back.headers["Location"]).path
    assert re.fullmatch(
        rf"{SESSION}=[A-Za-z0-9_-]{{43}}; HttpOnly; Path={re.escape(name.rstrip('/'))}; SameSite=Lax", cookie
    )
    assert back.headers["Cache-Control"] == "no-store"


def test_no_token_reaches_the_browser_an_address_or_the_log(there: House, caplog: pytest.LogCaptureFixture) -> None:
    kept: list[str] = []
    keep = there.demo.authority.keep

    def noting(kind: str, grant: object, secret: str, seconds: float) -> None:
        kept.append(secret) if kind in {"ehr-token", "ehr-refresh"} else None
        keep(kind, grant, secret, seconds)  # type: ignore[arg-type]

    object.__setattr__(there.demo.authority, "keep", noting)
    with caplog.at_level(logging.DEBUG):
        browser, page = launched(there, ANNA)
        opened = browser.allow(page)
    object.__setattr__(there.demo.authority, "keep", keep)

    seen = "\n".join([opened.text, str(opened.headers), *browser.went, *map(str, browser.session.cookies), caplog.text])
    assert len(kept) == 2
    assert [token for token in kept if token in seen] == []


def test_two_patients_in_two_tabs_are_two_sessions_and_neither_takes_the_others_place(there: House) -> None:
    browser, page = launched(there, ANNA)
    first = browser.allow(page)
    second = browser.allow(browser.get(there.demo.launch(f"{there.smart}/launch", NORA)))

    assert (browser.get(first.url).json()["patient"], second.json()["patient"]) == (ANNA, NORA)


def test_a_session_of_one_address_does_not_open_another(there: House) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page)
    (cookie,) = (each for each in browser.session.cookies if each.name == SESSION)
    elsewhere = f"{there.smart}/{'A' * 22}/"

    answer = requests.get(elsewhere, headers={"Cookie": f"{SESSION}={cookie.value}"}, timeout=10)

    assert opened.status_code == 200
    assert (answer.status_code, "Nobody is open here" in text(answer)) == (401, True)


def test_a_page_without_a_session_says_how_to_start(there: House) -> None:
    answer = requests.get(f"{there.smart}/{'A' * 22}/", timeout=10)

    assert answer.status_code == 401
    assert "Open the app again from the patient's chart" in text(answer)
    assert f"{urlsplit(there.smart).path}" in answer.text


def test_leaving_ends_the_session_and_the_token_at_the_server(there: House) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page)
    token = Page(browser.get(there.demo.launch(f"{there.smart}/launch", ANNA)).text).fields["csrf_token"]

    left = browser.post(f"{opened.url}leave", {"csrf_token": token})

    assert left.url == there.smart
    assert browser.get(opened.url).status_code == 401


def test_a_token_that_is_about_to_end_is_renewed_and_the_session_goes_on(
    there: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page)
    first = datetime.fromisoformat(opened.json()["expires"])
    launches = there.app.extensions["smart"].launches
    monkeypatch.setattr(launches, "_clock", lambda: datetime.now(UTC) + timedelta(seconds=250))

    again = browser.get(opened.url).json()

    assert again["patient"] == ANNA
    assert datetime.fromisoformat(again["expires"]) >= first
    monkeypatch.undo()
    assert browser.get(f"{opened.url}read/Patient/{ANNA}").json()["id"] == ANNA


def test_a_session_ends_after_eight_hours_however_often_it_was_renewed(
    there: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, page = launched(there, ANNA)
    opened = browser.allow(page)
    launches = there.app.extensions["smart"].launches
    monkeypatch.setattr(launches, "_clock", lambda: datetime.now(UTC) + timedelta(hours=8, seconds=1))

    assert browser.get(opened.url).status_code == 401
