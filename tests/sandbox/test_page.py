"""The page at /sandbox, against the real FHIR server and a fake service."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.sandbox.blueprint import blueprint
from service.sandbox.ehr import SandboxEhr
from tests.sandbox.fake_cds import MEDICINE


def form(page: str, number: int = 0) -> dict[str, str]:
    """The hidden fields of the n-th suggestion's form."""
    block = page.split('<form method="post"')[number + 1].split("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)">\n', block))


def test_the_first_page_lists_the_patients_under_the_banner(client: FlaskClient) -> None:
    answer = client.get("/sandbox")

    assert answer.status_code == 200
    assert "Sandbox. Synthetic patients. Client authentication is off." in answer.text
    assert "No clinician has reviewed this rule set." in answer.text
    assert "patient=anna-autoimmune" in answer.text


def test_no_script_and_no_style_stands_in_a_page_and_the_policy_forbids_them(client: FlaskClient) -> None:
    answer = client.get("/sandbox?patient=anna-autoimmune")
    sheet = client.get("/sandbox/static/sandbox.css")

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text)
    assert sheet.status_code == 200
    assert "http" not in sheet.text


def test_a_card_is_shown_with_its_orders_and_everything_hostile_escaped(client: FlaskClient) -> None:
    page = client.get("/sandbox?patient=anna-autoimmune&protocol=us-label").text

    assert "Critical" in page
    assert "Vitamin B12 deficiency &lt;b&gt;confirmed&lt;/b&gt;" in page
    assert "<strong>Found</strong>" in page
    assert "&lt;script&gt;" in page
    assert "<img" not in page
    assert not re.search(r'href="\s*javascript', page)
    assert page.count("★</span> Recommended") == 1
    assert MEDICINE in page
    assert "One tablet a day for 8 weeks" in page
    assert '<a href="https://guideline.invalid/"' in page
    assert "protocol us-label 1.0" in page


def test_the_chart_stands_beside_it(client: FlaskClient) -> None:
    page = client.get("/sandbox?patient=anna-autoimmune").text

    assert "95 ng/L (low)" in page
    assert "Pernicious anaemia" in page
    assert "62 years, female" in page
    assert "Sodium" not in page.split("<aside")[1]
    assert "Viral sinusitis" not in page.split("<aside")[1]


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


@pytest.mark.parametrize("token", [None, "", "forged"])
def test_a_form_that_is_not_ours_is_refused(client: FlaskClient, ehr: SandboxEhr, token: str | None) -> None:
    fields = form(client.get("/sandbox?patient=mina-metformin").text)
    before = ehr.search("MedicationRequest?patient=mina-metformin&_count=50")
    del fields["token"]

    answer = client.post("/sandbox/orders", data=fields | {"intention": "sign"} | ({"token": token} if token else {}))

    assert answer.status_code == 403
    assert "The form did not come from this page" in answer.text
    assert ehr.search("MedicationRequest?patient=mina-metformin&_count=50") == before


def test_a_form_sent_by_another_site_or_without_a_cookie_is_refused(client: FlaskClient) -> None:
    fields = form(client.get("/sandbox?patient=mina-metformin").text) | {"intention": "sign"}

    foreign = client.post("/sandbox/orders", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    client.delete_cookie("b12_sandbox_form", path="/sandbox")
    bare = client.post("/sandbox/orders", data=fields)

    assert (foreign.status_code, bare.status_code) == (403, 403)


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
    site = Flask("site")
    site.register_blueprint(blueprint(SandboxEhr("http://127.0.0.1:9/fhir", cds), [("us-aafp", "AAFP")]))

    answer = site.test_client().get("/sandbox?patient=anna-autoimmune")

    assert answer.status_code == 502
    assert "The FHIR server does not answer" in answer.text
