"""Our own service, running for real with authentication required: the conformance check finds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_hooks.conformance.ledger import Verdict
from cds_hooks.conformance.report import Report
from cds_hooks.conformance.rules import RULES
from cds_hooks.conformance.run import Plan, check
from cds_hooks.conformance.tokens import ISSUER, Client, kept_keys
from service.sandbox import start
from service.sandbox.fhir_server import FhirServer
from tests.e2e.running import free_port, served

from .kit import told
from .stub import ORIGIN

CLIENTS = f"""
issuers:
  - issuer: {ISSUER}
    keys-file: keys.public.json
    clients:
      - name: conformance
"""
#: Of the demo's synthetic patients: two with a plan, one with a work-up, one with nothing to say.
PATIENTS = ("mina-metformin", "nora-neurology", "indra-indeterminate", "norm-normal")
#: What a service on loopback cannot show, and what we never send.
NOT_SHOWN = {
    "A2": "TLS is the proxy's, and loopback has none",
    "J1": "TLS is the proxy's, and loopback has none",
    "B11": "we declare no hookVersion",
    "C8": "no template of ours depends on another",
    "E2": "we send no system actions",
    "F10": "no card of the demo's patients has links",
    "F13": "no card has an icon",
    "F23": "no card at patient-view deletes",
    "F24": "no card of the demo's patients has links",
    "F25": "no card of the demo's patients has links",
    "F26": "no card of the demo's patients has links",
    "G1": "we send no system actions",
}
#: How quick we are is the bench's matter: other tests run beside this one.
JUDGED = [rule for rule in RULES if rule not in ("A2", "J1", "D16")]


@pytest.fixture(scope="module")
def fhir() -> Iterator[FhirServer]:
    with start(datetime.now(UTC).date()) as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "clients.yaml").write_text(CLIENTS, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def plan(site: Path) -> Plan:
    return Plan(client=Client(keys=kept_keys(site / "keys.json")), listen=free_port())


@pytest.fixture(scope="module")
def service(plan: Plan, fhir: FhirServer, site: Path) -> Iterator[str]:
    port = free_port()
    settings = {
        "B12_PROTOCOL": "us-aafp",
        "B12_AUTHENTICATION": "required",
        "B12_CLIENTS": str(site / "clients.yaml"),
        "B12_BASE_URLS": json.dumps([f"http://127.0.0.1:{port}"]),
        "B12_FHIR_SERVERS": json.dumps([fhir.base, f"http://127.0.0.1:{plan.listen}/fhir"]),
        "B12_CORS_ORIGINS": json.dumps([ORIGIN]),
    }
    with served(port, settings, site / "log") as running:
        yield running.base


def verdicts(report: Report, verdict: Verdict) -> set[str]:
    return {result.rule.id for result in report.results if result.verdict is verdict}


@pytest.fixture(scope="module")
def reports(service: str, plan: Plan, fhir: FhirServer) -> list[Report]:
    """One check with its own patient and FHIR server, and one for each synthetic patient."""
    charts = [replace(plan, listen=None, fhir_server=fhir.base, patient=patient) for patient in PATIENTS]
    return [check(service, one) for one in (plan, *charts)]


def test_nothing_is_found_in_our_own_service(reports: list[Report]) -> None:
    for report in reports:
        assert verdicts(report, Verdict.FAILED) | verdicts(report, Verdict.WARNING) <= {"D16"}, told(report)


@pytest.mark.parametrize("rule", JUDGED)
def test_our_own_service_keeps_each_rule(rule: str, reports: list[Report]) -> None:
    seen = {verdict for report in reports for verdict in Verdict if rule in verdicts(report, verdict)}

    assert seen <= {Verdict.PASSED, Verdict.NOT_TRIED}
    assert Verdict.PASSED in seen or rule in NOT_SHOWN
