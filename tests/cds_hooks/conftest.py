from collections.abc import Iterator

import pytest

from tests.cds_hooks.kit import FhirServer, serving


@pytest.fixture
def fhir() -> Iterator[FhirServer]:
    server = FhirServer()
    with serving(server.app()) as address:
        server.base = f"{address}/fhir"
        yield server
