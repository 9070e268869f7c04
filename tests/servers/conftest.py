"""Each server once, with the demo patients on it, and the service before it; skipped, saying why, where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from service.sandbox.ehr import SandboxEhr
from tests.e2e.running import Running, free_port, served

from . import obtain
from .agreeing import Pictures, evaluated
from .families import FAMILIES, Server, load, running


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers."""
    config.addinivalue_line("markers", "families(*names): the servers that a test is about; all, without")
    for name in FAMILIES:
        config.addinivalue_line("markers", f"{name}: the story against a FHIR server of this family")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a server is run against every family, but where `families` names the ones it is about."""
    if "server" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("families")
        names = only.args if only else FAMILIES
        marked = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in names]
        metafunc.parametrize("server", marked, indirect=True, scope="session")


@pytest.fixture(scope="session")
def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, today: date, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    name: str = request.param
    _must_be_here(name)
    with running(name, tmp_path_factory.mktemp(name)) as started:
        load(started, today)
        yield started


@pytest.fixture(scope="session")
def service(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service, which may ask this server, has time for a slow one, and lets a request choose its protocol."""
    port = free_port()
    settings = {
        "B12_PROTOCOL": "us-aafp",
        "B12_FHIR_SERVERS": json.dumps([server.base]),
        "B12_FETCH_SECONDS": "30",
        "B12_SANDBOX_FHIR": server.base,
        "B12_SANDBOX_SERVICE": f"http://127.0.0.1:{port}",
    }
    log: Path = tmp_path_factory.mktemp(f"service-{server.name}") / "log"
    with served(port, settings, log) as started:
        yield started


@pytest.fixture
def ehr(server: Server, service: Running) -> SandboxEhr:
    return SandboxEhr(server.base, service.base, timeout=60)


@pytest.fixture(scope="session")
def expected(server: Server, today: date, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pictures]:
    """What `b12-cds evaluate` says of the patients under a protocol."""
    folder = tmp_path_factory.mktemp("charts")
    known: dict[str, Pictures] = {}

    def of(protocol: str) -> Pictures:
        if protocol not in known:
            known[protocol] = evaluated(server.people, protocol, today, folder)
        return known[protocol]

    return of


def _must_be_here(name: str) -> None:
    """Skip, or fail where `B12_TEST_HAPI=required` and its like say that this server must be there."""
    required = os.environ.get(f"B12_TEST_{name.upper()}") == "required"
    why = obtain.lacking(name)
    if why is None and required:
        obtain.get(name)
    elif why is None and "PYTEST_XDIST_WORKER" in os.environ:
        why = "one server for all tests: `make servers`"
    elif why is None and not obtain.is_here(name):
        why = "`make servers` gets it"
    if why is not None and required:
        pytest.fail(f"{name}: {why}")
    if why is not None:
        pytest.skip(f"{name}: {why}")
