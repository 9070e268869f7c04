"""A database of each kind, empty or ready, its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.database import Database, opened
from service.store.migrate import upgrade

from . import postgres


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The file or URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield str(tmp_path / "kept" / "state.sqlite3")
        return
    with postgres.fresh(request.getfixturevalue("postgresql")) as url:
        yield url


@pytest.fixture
def empty(where: str) -> Iterator[Database]:
    database = opened(where)
    yield database
    database.close()


@pytest.fixture
def database(empty: Database) -> Database:
    upgrade(empty)
    return empty
