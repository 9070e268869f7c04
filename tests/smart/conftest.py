"""One FHIR server with synthetic patients for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from service.sandbox import start

from .kit import House, house


@pytest.fixture(scope="session")
def fhir() -> Iterator[str]:
    with start(date(2026, 11, 20)) as server:
        yield server.base


@pytest.fixture(scope="module")
def there(fhir: str) -> Iterator[House]:
    with house(fhir) as running:
        yield running
