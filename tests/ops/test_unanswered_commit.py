"""A commit whose answer was lost with the network is not written twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from service.store.database import Database, StoreError, opened
from service.store.keys import KeyRing
from service.store.migrate import upgrade
from service.store.tables import Shown
from service.store.writer import Writer
from tests.store.rows import shown


class Cut:
    """A database whose network may be cut before or after it commits."""

    def __init__(self, database: Database) -> None:
        self._database, self.when = database, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        if self.when == "before":
            raise StoreError("cut")
        with self._database.writing() as connection:
            yield connection
        if self.when == "after":
            raise StoreError("cut")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = opened(str(tmp_path / "state.sqlite3"))
    upgrade(made)
    yield made
    made.close()


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(Shown)).scalar_one())


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_was_shown_is_written_once_whenever_the_network_was_cut(database: Database, when: str) -> None:
    cut: Any = Cut(database)
    writer = Writer(cut)
    now = datetime.now(UTC)
    one = shown(KeyRing(database))
    writer._rows.extend(replace(one, card=f"card-{number}", at=now) for number in range(3))
    cut.when = when
    for _ in range(2):
        with pytest.raises(StoreError):
            writer.flush()
        assert writer.waiting == 3
        if when == "after":
            break
    # What comes meanwhile is written with the next transaction.
    writer._rows.append(replace(one, card="card-later", at=now))
    cut.when = ""
    writer.flush()

    assert writer.waiting == 0
    assert count(database) == 4
