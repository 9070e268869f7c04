"""The page at /sandbox, against the real FHIR server and a fake service."""

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.sandbox.ehr import SandboxEhr
from service.sandbox.views import cards
from tests.sandbox.conftest import site
from tests.sandbox.fake_cds import MEDICINE


def form(page: str, number: int = 0, action: str = "/sandbox/orders") -> dict[str, str]:
    """The hidden fields of the n-th form of an action."""
    block = page.split(f'<form method="post" action="{action}">')[number + 1].split("</form>")[0]
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', block)}


def test_the_first_page_lists_the_patients_under_the_banner(client: FlaskClient) -> None:
    answer = client.get("/sandbox")

    assert answer.status_code == 200
    assert "Sandbox. Client authentication is off." in answer.text
    assert "all made up" in answer.text
    assert "No clinician has reviewed this rule set." in answer.text
    assert "patient=anna-autoimmune" in answer.text


def test_no_script_and_no_style_stands_in_a_page_and_the_policy_forbids_them(client: FlaskClient) -> None:
    answer = client.get("/sandbox?patient=anna-autoimmune")
    sheet = client.get("/sandbox/static/sandbox.css")

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text)
    assert sheet.status_code == 200
    assert "http" not in sheet.text


def test_a_card_is_shown_with_its_orders_and_everything_hostile_escaped(client: FlaskClient) -> None:
    page = client.get("/sandbox?patient=anna-autoimmune&protocol=us-label").text

    assert "Critical" in page
    assert "Vitamin B12 deficiency &lt;b&gt;confirmed&lt;/b&gt;" in page
    assert "<strong>Found</strong>" in page
    assert "&lt;script&gt;" in page
    assert "<img" not in page.split("<main")[1]
    assert not re.search(r'href="\s*javascript', page)
    assert page.count("★</span> Recommended") == 1
    assert MEDICINE in page
    assert "One tablet a day for 8 weeks" in page
    assert '<a href="https://guideline.invalid/"' in page
    assert "protocol us-label 1.0" in page


def test_the_chart_stands_beside_it(client: FlaskClient) -> None:
    page = client.get("/sandbox?patient=anna-autoimmune").text

    assert re.search(r"95 ng/L <span class=\"flag\">▼ low</span>", page)
    assert "Pernicious anaemia" in page
    assert "62 years, female" in page
    assert "Sodium" not in page.split("<aside")[1].split("other results")[0]
    assert "Sodium" in page.split("other results")[1]
    assert "Viral sinusitis" not in page.split("<aside")[1].split("</aside>")[0]


def test_signing_redirects_and_the_card_is_gone(client: FlaskClient, ehr: SandboxEhr) -> None:
    page = client.get("/sandbox?patient=vito-vegan&protocol=us-aafp").text

    answer = client.post("/sandbox/orders", data=form(page) | {"intention": "sign"})
    then = client.get(answer.headers["Location"]).text

    assert answer.status_code == 303
    assert "Signed." in then
    assert "No card." in then
    assert "on-treatment" in then
    found = ehr.search("MedicationRequest?patient=vito-vegan&status=active&_count=50")
    assert {MEDICINE, f"{MEDICINE}, maintenance"} <= {order["medicationCodeableConcept"]["text"] for order in found}


def test_a_draft_is_told_and_not_offered_again(client: FlaskClient) -> None:
    page = client.get("/sandbox?patient=leo-leber&protocol=us-aafp").text

    answer = client.post("/sandbox/orders", data=form(page) | {"intention": "draft"})
    then = client.get(answer.headers["Location"]).text

    assert "Saved as an unsigned draft." in then
    assert "Draft pending" in then
    assert "draft, not signed" in then
    assert "Accept (sign)" not in then


@pytest.mark.parametrize("action", ["orders", "override", "order"])
@pytest.mark.parametrize("token", [None, "", "forged"])
def test_a_form_that_is_not_ours_is_refused(
    client: FlaskClient, ehr: SandboxEhr, token: str | None, action: str
) -> None:
    fields = form(client.get("/sandbox?patient=nico-nitrous").text) | {"intention": "sign"}
    before = ehr.search("MedicationRequest?patient=nico-nitrous&_count=50")
    del fields["csrf_token"]

    answer = client.post(f"/sandbox/{action}", data=fields | ({"csrf_token": token} if token else {}))

    assert answer.status_code == 400
    assert "The form did not come from this page" in answer.text
    assert ehr.search("MedicationRequest?patient=nico-nitrous&_count=50") == before


def test_a_form_without_its_session_is_refused(client: FlaskClient) -> None:
    fields = form(client.get("/sandbox?patient=nico-nitrous").text) | {"intention": "sign"}
    client.delete_cookie("b12_session")

    assert client.post("/sandbox/orders", data=fields).status_code == 400


def test_advice_that_has_changed_is_not_signed(client: FlaskClient) -> None:
    fields = form(client.get("/sandbox?patient=mina-metformin").text)

    answer = client.post("/sandbox/orders", data=fields | {"intention": "sign", "suggestion": "0" * 64})

    assert answer.status_code == 409
    assert "The advice has changed" in answer.text


def test_a_refusal_of_the_service_is_a_box_with_its_words(
    client: FlaskClient, fake: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fake.config, "broken", True)

    answer = client.get("/sandbox?patient=anna-autoimmune")

    assert answer.status_code == 502
    assert "The CDS service answered 412" in answer.text
    assert "prefetch.b12 cannot be had" in answer.text
    assert "No card." not in answer.text


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("patient=nobody", 502, "Patient/nobody not found"),
        ("patient=../metadata", 400, "not a FHIR id"),
        ("patient=anna-autoimmune&protocol=other", 400, "The sandbox offers us-aafp"),
    ],
)
def test_a_wrong_choice_is_told(client: FlaskClient, query: str, status: int, said: str) -> None:
    answer = client.get(f"/sandbox?{query}")

    assert (answer.status_code, said in answer.text) == (status, True)


def test_without_a_fhir_server_the_page_says_so(cds: str) -> None:
    answer = site(SandboxEhr("http://127.0.0.1:9/fhir", cds)).test_client().get("/sandbox?patient=anna-autoimmune")

    assert answer.status_code == 502
    assert "The FHIR server does not answer" in answer.text


def test_a_card_set_aside_is_told_to_the_service_with_reason_and_comment(client: FlaskClient, fake: Flask) -> None:
    page = client.get("/sandbox?patient=anna-autoimmune").text
    fields = form(page, action="/sandbox/override")
    answer = client.post(
        "/sandbox/override", data=fields | {"reason": "urn:reasons|refused", "comment": " wants to wait "}
    )
    told = fake.config["feedback"][-1]

    assert "Patient refuses" in page
    assert answer.status_code == 303
    assert "Card set aside" in client.get(answer.headers["Location"]).text
    assert (told["card"], told["outcome"]) == ("card-1", "overridden")
    assert told["overrideReason"] == {
        "reason": {"system": "urn:reasons", "code": "refused"},
        "userComment": "wants to wait",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["outcomeTimestamp"])


def test_a_card_is_not_set_aside_without_a_reason(client: FlaskClient, fake: Flask) -> None:
    fields = form(client.get("/sandbox?patient=anna-autoimmune").text, action="/sandbox/override")
    before = len(fake.config["feedback"])
    answer = client.post("/sandbox/override", data=fields)

    assert answer.status_code == 400
    assert "Choose a reason" in answer.text
    assert len(fake.config["feedback"]) == before


def test_a_signature_is_told_to_the_service_as_accepted(client: FlaskClient, fake: Flask) -> None:
    fields = form(client.get("/sandbox?patient=bea-bypass").text)
    client.post("/sandbox/orders", data=fields | {"intention": "sign"})

    assert fake.config["feedback"][-1]["acceptedSuggestions"] == [{"id": "s-1"}]


def test_two_guidelines_stand_side_by_side_and_what_differs_is_marked_in_words(client: FlaskClient) -> None:
    page = client.get("/sandbox?patient=anna-autoimmune&protocol=us-aafp&beside=uk-ng239").text

    assert "The same patient under two guidelines" in page
    assert "= same" in page
    assert "protocol us-aafp 1.0" in page
    assert "protocol uk-ng239 1.0" in page


def test_patients_are_found_by_name_without_a_name_in_an_address(client: FlaskClient) -> None:
    listed = client.get("/sandbox").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sandbox?patient=norm-normal").text)
    assert token is not None
    found = client.post("/sandbox/find", data={"name": "nor", "csrf_token": token[1]}).text

    assert "anna-autoimmune" in listed
    assert "norm-normal" in found
    assert "anna-autoimmune" not in found


def test_an_app_is_launched_by_the_ehr_and_never_by_a_bare_link() -> None:
    link = {"label": "Plan", "url": "https://app.example/launch", "type": "smart", "appContext": "x"}
    (shown,) = cards({"cards": [{"summary": "s", "indicator": "info", "source": {}, "links": [link]}]})[0].links

    assert (shown.smart, shown.app_context) == (True, "x")


def test_a_page_that_repeats_itself_travels_packed(client: FlaskClient) -> None:
    plain = client.get("/sandbox?patient=norm-normal", headers={"Accept-Encoding": "identity"})
    packed = client.get("/sandbox?patient=norm-normal", headers={"Accept-Encoding": "gzip"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 4
    assert "Content-Encoding" not in plain.headers
