"""The page at /sandbox, with the real service behind it."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import requests

from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer
from service.sandbox.patients import patients

from .charts import newcomer
from .running import Running


def opened(service: Running, session: requests.Session, patient: str, protocol: str = "us-aafp") -> str:
    answer = session.get(f"{service.base}/sandbox", params={"patient": patient, "protocol": protocol}, timeout=10)
    assert answer.status_code == 200
    return answer.text


def form(page: str) -> dict[str, str]:
    """The hidden fields of the first suggestion."""
    block = page.split('<form method="post" action="/sandbox/orders">')[1].split("</form>")[0]
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', block)}


def test_the_list_names_every_patient_and_every_protocol(service: Running) -> None:
    page = requests.get(f"{service.base}/sandbox", timeout=10).text

    assert [patient.id for patient in patients() if f"patient={patient.id}&" not in page] == []
    chart = opened(service, requests.Session(), "norm-normal")
    assert list(dict.fromkeys(re.findall(r'<option value="((?:uk|us)-\w+)"', chart))) == [
        "us-aafp",
        "uk-ng239",
        "us-label",
    ]


def test_a_chart_is_shown_with_its_card_and_its_orders(service: Running) -> None:
    page = opened(service, requests.Session(), "nora-neurology", "uk-ng239")

    assert "B12 deficiency confirmed" in page
    assert "Critical" in page
    assert "protocol uk-ng239" in page
    assert "hydroxocobalamin 1 mg/mL" in page
    assert page.count("★</span> Recommended") == 1
    assert "Accept (sign)" in page


def test_nothing_to_advise_is_said(service: Running) -> None:
    assert "No card." in opened(service, requests.Session(), "norm-normal")


def test_signing_on_the_page_writes_the_orders_and_the_card_is_gone(
    service: Running, fhir: FhirServer, ehr: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "anna-autoimmune", today)
    session = requests.Session()
    fields = form(opened(service, session, patient))
    before = ehr.search(f"MedicationRequest?patient={patient}&status=active&_count=100")
    answer = session.post(f"{service.base}/sandbox/orders", data=fields | {"intention": "sign"}, timeout=10)
    after = ehr.search(f"MedicationRequest?patient={patient}&status=active&_count=100")

    assert answer.history[0].status_code == 303
    assert "Signed." in answer.text
    assert len(after) == len(before) + 3
    assert "Start cyanocobalamin" not in answer.text.split("Advice")[1]


def test_a_form_without_its_token_or_from_elsewhere_signs_nothing(
    service: Running, fhir: FhirServer, ehr: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "vito-vegan", today)
    session = requests.Session()
    fields = form(opened(service, session, patient)) | {"intention": "sign"}
    orders = f"{service.base}/sandbox/orders"
    before = ehr.search(f"MedicationRequest?patient={patient}&_count=100")
    answers = [
        session.post(orders, data={**fields, "csrf_token": "forged"}, timeout=10),
        requests.post(orders, data=fields, timeout=10),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert ehr.search(f"MedicationRequest?patient={patient}&_count=100") == before


def test_advice_that_has_changed_since_it_was_shown_is_not_signed(
    service: Running, fhir: FhirServer, ehr: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "vito-vegan", today)
    session = requests.Session()
    fields = form(opened(service, session, patient)) | {"intention": "sign"}
    lab = ehr.read(f"Observation/{patient}-lab-1")
    lab["valueQuantity"]["value"] = 520
    requests.put(f"{fhir.base}/Observation/{lab['id']}", json=lab, timeout=10).raise_for_status()
    answer = session.post(f"{service.base}/sandbox/orders", data=fields, timeout=10)

    assert answer.status_code == 409
    assert "The advice has changed" in answer.text
