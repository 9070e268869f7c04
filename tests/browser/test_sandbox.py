"""The demo EHR as a clinician uses it: open, accept, set aside, order, correct, sign, switch the guideline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from service.fhir.gate import check
from service.sandbox import start
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer
from tests.e2e.charts import newcomer
from tests.e2e.running import Running, free_port, served

Json = dict[str, Any]
AAFP, NG239 = "us-aafp", "uk-ng239"


@pytest.fixture(scope="module")
def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(scope="module")
def fhir(today: date) -> Iterator[FhirServer]:
    with start(today) as running:
        yield running


@pytest.fixture(scope="module")
def service(fhir: FhirServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    port = free_port()
    settings = {
        "B12_PROTOCOL": AAFP,
        "B12_PROFILE": "sandbox",
        "B12_DATABASE": str(tmp_path_factory.mktemp("store") / "state.sqlite3"),
        "B12_FHIR_SERVERS": json.dumps([fhir.base]),
        "B12_SANDBOX_FHIR": fhir.base,
        "B12_SANDBOX_SERVICE": f"http://127.0.0.1:{port}",
    }
    with served(port, settings, tmp_path_factory.mktemp("service") / "log") as running:
        yield running


@pytest.fixture
def record(fhir: FhirServer, service: Running) -> SandboxEhr:
    """What the FHIR server holds, read past the page."""
    return SandboxEhr(fhir.base, service.base)


def orders(record: SandboxEhr, patient: str, status: str, kind: str = "MedicationRequest") -> list[Json]:
    """B12 orders and tests that were written, each of which must pass the gate of what the service lets out."""
    found = record.search(f"{kind}?patient={patient}&status={status}&_count=100")
    written = [order for order in found if "groupIdentifier" in order or kind == "ServiceRequest"]
    for order in written:
        assert check(_as_written(order)) == (), order
    return written


def _as_written(order: Json) -> Json:
    """Without what the server itself adds."""
    return {key: value for key, value in order.items() if key not in ("meta", "id")}


def chart(page: Any, service: Running, patient: str, query: str = "") -> None:
    page.goto(f"{service.base}/sandbox?patient={patient}{query}")


def chosen(page: Any, service: Running, patient: str, medicine: str, dose: str, often: str) -> None:
    """Go from the chart to the order form, and choose."""
    chart(page, service, patient)
    page.get_by_role("link", name="Write an order").click()
    page.get_by_label("Medicine").select_option(medicine)
    page.get_by_label("How much each time").fill(dose)
    page.get_by_label("How often").select_option(label=often)
    page.get_by_role("button", name="Choose").click()


def test_a_newcomer_finds_a_patient_and_sees_chart_card_and_what_went_over_the_wire(
    page: Any, service: Running
) -> None:
    page.goto(f"{service.base}/sandbox")
    assert "it asks the B12 service what to do" in page.inner_text("main")
    page.get_by_role("link", name="Nora Neurology").first.click()

    assert page.get_by_role("heading", level=1).inner_text() == "Nora Neurology"
    card = page.get_by_role("article").first
    assert card.get_by_role("heading").first.inner_text().startswith("B12 deficiency confirmed")
    assert "▲ Critical" in card.inner_text()
    assert "Source: American Academy of Family Physicians" in card.inner_text()
    aside = page.get_by_role("complementary")
    assert "Haemoglobin" in aside.inner_text()
    assert aside.get_by_role("img", name=re.compile(r"^Haemoglobin over time: .*101.*low; .*131")).is_visible()
    assert "Pernicious anaemia" in aside.inner_text()
    panel = page.get_by_role("region", name="Developer's panel")
    assert re.search(r"/cds-services/b12-patient-view.* \d+ ms", panel.inner_text())
    panel.get_by_text("Request as JSON").click()
    assert json.loads(panel.locator("pre").nth(1).inner_text())["hook"] == "patient-view"


def test_accepting_writes_active_orders_and_the_card_is_answered(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "anna-autoimmune", today)
    chart(page, service, patient)
    page.get_by_role("button", name=re.compile(r"Accept \(sign\): Recommended")).click()

    assert "Signed. The orders are active" in page.inner_text("main")
    written = orders(record, patient, "active")
    assert written
    assert {(order["status"], order["intent"]) for order in written} == {("active", "order")}
    assert "on treatment" in page.inner_text("main")
    assert page.get_by_role("button", name=re.compile("Accept.*Recommended")).count() == 0


def test_a_draft_is_kept_unsigned_then_edited_corrected_and_signed(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "mina-metformin", today)
    chart(page, service, patient)
    page.get_by_role("button", name=re.compile("Save as unsigned draft")).first.click()
    (draft, *_) = drafts = orders(record, patient, "draft")
    page.get_by_role("link", name=re.compile("Edit this draft")).first.click()
    page.get_by_label("How often").select_option(label="once a month")
    page.get_by_role("button", name="Choose").click()
    asked = page.get_by_role("article").first.inner_text()
    page.get_by_role("button", name=re.compile("Use this instead")).first.click()
    page.get_by_role("button", name="Sign", exact=True).click()

    assert "is given too rarely" in asked or "too" in asked.lower()
    assert "Signed" in page.inner_text("main")
    left = {order["id"] for order in orders(record, patient, "draft")}
    assert draft["id"] not in left or len(left) < len(drafts)
    assert orders(record, patient, "active")


def test_setting_a_card_aside_tells_the_service_why_and_it_keeps_quiet(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "vito-vegan", today)
    chart(page, service, patient)
    summary = page.get_by_role("article").first.get_by_role("heading").first.inner_text()
    page.get_by_role("article").first.get_by_text("Set this card aside").click()
    page.get_by_label("Reason").first.select_option(label="Patient refuses")
    page.get_by_role("button", name="Set aside").first.click()

    assert "Card set aside. The service was told why" in page.inner_text("main")
    assert summary not in page.inner_text("main")
    assert record.call(patient, AAFP).cards == () or summary not in str(record.call(patient, AAFP).cards)


def test_tablets_for_nerves_are_corrected_before_the_signature(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "nora-neurology", today)
    chosen(page, service, patient, "us-cyanocobalamin-1000-tablet", "1", "once a day")
    card = page.get_by_role("article").first
    assert "Critical" in card.inner_text()
    assert "order-select" in page.get_by_role("region", name="Developer's panel").inner_text()
    assert orders(record, patient, "draft") == []
    card.get_by_role("button", name=re.compile("Use this instead: Recommended")).click()
    assert "tablet" not in page.get_by_role("region", name="In hand, not signed").inner_text()
    assert "No objection" in page.inner_text("main")
    page.get_by_role("button", name="Sign", exact=True).click()

    assert "Signed" in page.inner_text("main")
    assert "order-sign" in page.get_by_role("region", name="Developer's panel").inner_text()
    written = orders(record, patient, "active")
    assert {order["dosageInstruction"][0]["route"]["text"] for order in written} == {"Intramuscular"}


def test_an_order_is_signed_in_spite_of_a_card_only_with_a_reason(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "leo-leber", today)
    # What is said at the choice is not said again at the signature, so the order is changed in between.
    chosen(page, service, patient, "us-hydroxocobalamin-injection", "1", "every 3 months")
    pad = json.loads(page.locator("input[name=pad]").first.input_value())
    pad["orders"][0]["medicationCodeableConcept"] = {
        "text": "vitamin B12 (cyanocobalamin) 1 mg oral tablet",
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "309593"}],
    }
    page.evaluate("text => document.querySelectorAll('input[name=pad]').forEach(e => e.value = text)", json.dumps(pad))
    page.get_by_role("button", name="Sign", exact=True).click()
    assert "The service objects" in page.inner_text("main")
    assert not [o for o in record.search(f"MedicationRequest?patient={patient}&_count=50") if "1 mg oral" in str(o)]

    page.get_by_text("Sign anyway").first.click()
    page.get_by_label("Reason").select_option(label="Prefers an alternative")
    page.get_by_role("button", name="Sign anyway").click()
    assert "Signed" in page.inner_text("main")
    signed = [o for o in record.search(f"MedicationRequest?patient={patient}&_count=50") if "1 mg oral" in str(o)]
    assert [order["status"] for order in signed] == ["active"]


def test_a_signature_sent_twice_writes_once(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "norm-normal", today)
    chosen(page, service, patient, "metformin", "1", "once a day")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign", exact=True).click()
    page.reload()

    found = record.search(f"MedicationRequest?patient={patient}&status=active&_count=50")
    assert len([order for order in found if "Metformin" in order["medicationCodeableConcept"]["text"]]) == 1


def test_the_same_patient_under_another_guideline_stands_beside_with_what_differs_marked(
    page: Any, service: Running
) -> None:
    chart(page, service, "nora-neurology")
    page.get_by_label("Side by side with").select_option(NG239)
    page.get_by_role("button", name="Open chart").click()

    table = page.get_by_role("table", name=re.compile("The same patient under two guidelines"))
    rows = {row.split("\t")[0].split("\n")[0].strip(): row for row in table.locator("tr").all_inner_texts()}
    recommended = table.locator("tr", has_text="Recommended")
    assert "differs" in recommended.inner_text()
    assert "cyanocobalamin" in recommended.locator("td").nth(0).inner_text()
    assert "hydroxocobalamin" in recommended.locator("td").nth(1).inner_text()
    assert any("= same" in row for row in rows.values())
    assert page.get_by_role("article").count() >= 2
    assert f"protocol {NG239}" in page.inner_text("main")


def test_everything_can_be_done_with_the_keyboard(
    page: Any, service: Running, fhir: FhirServer, record: SandboxEhr, today: date
) -> None:
    patient = newcomer(fhir.base, "vito-vegan", today)
    chart(page, service, patient)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "sign":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")

    page.wait_for_selector("text=Signed. The orders are active")
    assert orders(record, patient, "active")


def test_what_fails_is_said_and_not_a_gap(page: Any, service: Running) -> None:
    chart(page, service, "nobody")
    page.wrong.clear()  # the browser itself logs the status

    assert "FHIR server answered 404" in page.get_by_role("alert").inner_text()


PAGES = {
    "list": "/sandbox",
    "chart": "/sandbox?patient=nora-neurology",
    "silent": "/sandbox?patient=norm-normal",
    "beside": f"/sandbox?patient=nora-neurology&beside={NG239}",
    "order": "/sandbox/order?patient=nora-neurology&medicine=us-cyanocobalamin-1000-tablet&dose=1&often=daily",
    "failure": "/sandbox?patient=..%2Fmetadata",
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible_in_light_and_dark_wide_and_narrow(
    page: Any, narrow: Any, service: Running, axe: Callable[[Any], None], shot: Callable[..., None], name: str
) -> None:
    for each, size in ((page, ""), (narrow, "-narrow")):
        each.goto(service.base + PAGES[name])
        if name == "order":
            each.get_by_role("button", name="Choose").click()
        each.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        axe(each)
        each.evaluate("document.querySelectorAll('details:not(.why)').forEach(e => e.open = false)")
        shot(each, f"sandbox-{name}{size}")
        assert each.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        each.wrong.clear() if name == "failure" else None


@pytest.mark.parametrize("name", ["list", "chart", "beside", "order"])
def test_pages_are_light_and_quick(service: Running, budget: Callable[..., dict[str, float]], name: str) -> None:
    had = budget(service.base + PAGES[name])
    print(f"{name}: {had['weight'] / 1024:.0f} KiB, first paint {had['paint']:.0f} ms")
