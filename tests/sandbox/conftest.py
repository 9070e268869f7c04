"""The sandbox's FHIR server with every patient on it, and the fake service, once for all tests of this folder."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.sandbox import start
from service.sandbox.blueprint import blueprint
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer
from tests.sandbox.fake_cds import app, serve

PROTOCOLS = [("us-aafp", "AAFP (US)"), ("uk-ng239", "NICE NG239 (UK)"), ("us-label", "US label")]


@pytest.fixture(scope="session")
def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(scope="session")
def server(today: date) -> Iterator[FhirServer]:
    with start(today) as running:
        yield running


@pytest.fixture(scope="session")
def fake() -> Flask:
    return app()


@pytest.fixture(scope="session")
def cds(fake: Flask) -> Iterator[str]:
    with serve(fake) as base:
        yield base


@pytest.fixture
def ehr(server: FhirServer, cds: str) -> SandboxEhr:
    return SandboxEhr(server.base, cds)


@pytest.fixture
def client(ehr: SandboxEhr) -> FlaskClient:
    site = Flask("site")
    site.register_blueprint(blueprint(ehr, PROTOCOLS))
    return site.test_client()
