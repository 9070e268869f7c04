"""The embedded FHIR server: quick, private, and gone without a trace."""

import logging
import time
from pathlib import Path

import pytest
import requests

from service.sandbox.fhir_server import FhirServer, ServerError


def test_it_starts_empty_within_three_seconds_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    level = logging.getLogger().level
    started = time.monotonic()

    with FhirServer() as server:
        took = time.monotonic() - started
        base = server.base
        found = requests.get(f"{base}/Patient", timeout=5)

    assert took < 3
    assert found.json()["total"] == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{base}/Patient", timeout=5)
    assert list(tmp_path.iterdir()) == []
    assert logging.getLogger().level == level


def test_its_address_is_loopback_and_known_only_while_it_runs(server: FhirServer) -> None:
    assert server.base.startswith("http://127.0.0.1:")
    with pytest.raises(ServerError):
        _ = FhirServer().base


def test_two_servers_do_not_share_anything(server: FhirServer) -> None:
    with FhirServer() as other:
        found = requests.get(f"{other.base}/Patient", timeout=5).json()

    assert found["total"] == 0


def test_an_order_is_not_dispensed_by_a_simulator() -> None:
    order = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Test"},
        "subject": {"reference": "Patient/p"},
    }
    with FhirServer() as server:
        requests.put(f"{server.base}/Patient/p", json={"resourceType": "Patient", "id": "p"}, timeout=5)
        requests.post(f"{server.base}/MedicationRequest", json=order, timeout=5).raise_for_status()
        time.sleep(0.3)
        dispensed = requests.get(f"{server.base}/MedicationDispense", timeout=5).json()

    assert dispensed["total"] == 0


@pytest.mark.parametrize("path", ["", "/ui", "/ui/simulator", "/auth/token", "/fhirsnake"])
def test_nothing_but_fhir_is_served(server: FhirServer, path: str) -> None:
    root = server.base.removesuffix("/fhir")

    assert requests.get(root + path, timeout=5, allow_redirects=False).status_code == 403


def test_a_foreign_page_cannot_write_and_a_foreign_name_cannot_read(server: FhirServer) -> None:
    write = requests.post(
        f"{server.base}/Patient", json={"resourceType": "Patient"}, headers={"Origin": "http://x.invalid"}, timeout=5
    )
    read = requests.get(f"{server.base}/Patient", headers={"Host": "x.invalid"}, timeout=5)

    assert (write.status_code, read.status_code) == (403, 403)
