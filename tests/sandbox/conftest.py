"""The sandbox's FHIR server with every patient on it, and the fake service, once for all tests of this folder."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.consult import following
from service.pages import add_pages
from service.sandbox import start
from service.sandbox.blueprint import blueprint
from service.sandbox.ehr import SandboxEhr
from service.sandbox.fhir_server import FhirServer
from service.sandbox.formulary import formulary
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
    return site(ehr).test_client()


def site(ehr: SandboxEhr, protocols: Sequence[tuple[str, str]] = PROTOCOLS) -> Flask:
    """The pages of the sandbox over an EHR."""
    made = Flask("site", static_folder=None)
    add_pages(made, secret="a secret of the tests")
    using, _ = following("us-aafp")
    made.register_blueprint(blueprint(ehr, protocols, formulary(using.book)))
    return made
