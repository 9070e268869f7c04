"""The order hooks, with the chart on another server: what is unsafe is stopped, what is right is left alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from service.sandbox.ehr import SandboxEhr
from tests.e2e.charts import newcomer
from tests.e2e.running import Running
from tests.e2e.test_orders import quirky

from .families import Server

Json = dict[str, Any]
TABLET = ("vitamin B12 1 MG Oral Tablet", "309593")


@pytest.mark.parametrize("prefetch", [None, {}], ids=["prefetch", "fallback"])
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_tablets_for_a_patient_with_neurology_are_stopped(
    server: Server, ehr: SandboxEhr, today: date, hook: str, prefetch: Json | None
) -> None:
    patient = newcomer(server.base, "nora-neurology", today)
    drafts: Json = {"draftOrders": quirky(patient, *TABLET)}
    chosen = {"selections": ["MedicationRequest/request-123"]} if hook == "order-select" else {}

    (card,) = ehr.fire(hook, patient, "us-aafp", chosen | drafts, prefetch).cards

    assert card["indicator"] == "critical"
    assert card["suggestions"][0]["actions"][0]["resourceId"] == "MedicationRequest/request-123"


def test_another_medicine_and_our_own_order_are_signed_in_silence(
    server: Server, service: Running, ehr: SandboxEhr, today: date
) -> None:
    patient = newcomer(server.base, "nora-neurology", today)
    other = quirky(patient, "lisinopril 10 MG Oral Tablet", "314076")
    card = ehr.call(patient, "us-aafp").response["cards"][0]
    made = [a["resource"] for a in card["suggestions"][0]["actions"] if a["type"] == "create"]
    own = {"resourceType": "Bundle", "entry": [{"resource": o | {"id": f"kept-{n}"}} for n, o in enumerate(made)]}

    assert made
    assert ehr.fire("order-sign", patient, "us-aafp", {"draftOrders": other}).cards == ()
    assert ehr.fire("order-sign", patient, "us-aafp", {"draftOrders": own}).cards == ()
