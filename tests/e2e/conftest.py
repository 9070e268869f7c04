"""The sandbox's FHIR server and the real service before it, each started once for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from service.sandbox import start
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer

from .running import Running, free_port, served


@pytest.fixture(scope="session")
def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(scope="session")
def fhir(today: date) -> Iterator[FhirServer]:
    with start(today) as running:
        yield running


@pytest.fixture(scope="session")
def service(fhir: FhirServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service as `demo` sets it up, with a page, and a body limit that a test can reach."""
    port = free_port()
    log: Path = tmp_path_factory.mktemp("service") / "log"
    settings = {
        "B12_PROTOCOL": "us-aafp",
        "B12_FHIR_SERVERS": json.dumps([fhir.base]),
        "B12_SANDBOX_FHIR": fhir.base,
        "B12_SANDBOX_SERVICE": f"http://127.0.0.1:{port}",
        "B12_CORS_ORIGINS": json.dumps(["https://ehr.example"]),
        "B12_MAX_BODY": str(1024 * 1024),
    }
    with served(port, settings, log) as running:
        yield running


@pytest.fixture
def ehr(fhir: FhirServer, service: Running) -> SandboxEhr:
    return SandboxEhr(fhir.base, service.base)
