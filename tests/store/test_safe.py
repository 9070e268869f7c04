"""What a browser has open: sealed where it lies, given once where it may be taken once, gone when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.store.database import Database, opened
from service.store.migrate import upgrade
from service.store.purge import purge
from service.store.safe import MemoryShelf, Safe, Shelf, StoredShelf
from service.store.tables import Sealed

from . import postgres

SECRET, CONTENT = "s" * 43, {"token": "secret-token", "patient": "pat-7731"}


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "memory":
        yield MemoryShelf()
        return
    with ExitStack() as stack:
        where = str(tmp_path / "state.sqlite3")
        if request.param == "postgresql":
            where = stack.enter_context(postgres.fresh(request.getfixturevalue("postgresql")))
        database = opened(where)
        stack.callback(database.close)
        upgrade(database)
        yield StoredShelf(database)


def test_what_was_put_is_had_again_by_its_secret_and_kind_alone(shelf: Shelf) -> None:
    safe = Safe(shelf)
    safe.put("session", SECRET, CONTENT, soon())

    assert safe.get("session", SECRET) == CONTENT
    assert [safe.get("session", "t" * 43), safe.get("launch", SECRET), safe.get("session", "")] == [None] * 3


def test_a_later_content_takes_the_earlier_ones_place(shelf: Shelf) -> None:
    safe = Safe(shelf)
    safe.put("session", SECRET, CONTENT, soon())
    safe.put("session", SECRET, {"token": "second"}, soon())

    assert safe.get("session", SECRET) == {"token": "second"}


def test_what_is_over_is_not_there(shelf: Shelf) -> None:
    safe = Safe(shelf)
    safe.put("session", SECRET, CONTENT, datetime.now(UTC) - timedelta(seconds=1))

    assert (safe.get("session", SECRET), safe.take("session", SECRET)) == (None, None)


def test_of_many_that_take_at_once_one_gets_it(shelf: Shelf) -> None:
    safe = Safe(shelf)
    safe.put("launch", SECRET, CONTENT, soon())

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: safe.take("launch", SECRET), range(16)))

    assert [each for each in taken if each is not None] == [CONTENT]
    assert safe.get("launch", SECRET) is None


def test_of_many_that_put_first_all_have_the_same(shelf: Shelf) -> None:
    safe = Safe(shelf)

    with ThreadPoolExecutor(8) as pool:
        had = list(pool.map(lambda n: safe.first("key", SECRET, {"n": n}, soon()), range(16)))

    assert [each for each in had if each != had[0]] == []
    assert safe.get("key", SECRET) == had[0]


def test_what_is_over_is_replaced_by_the_next_first(shelf: Shelf) -> None:
    safe = Safe(shelf)
    safe.first("key", SECRET, {"n": 1}, datetime.now(UTC) - timedelta(seconds=1))

    assert safe.first("key", SECRET, {"n": 2}, soon()) == {"n": 2}


def test_the_sites_secret_is_needed_too(shelf: Shelf) -> None:
    Safe(shelf, "a site's own secret").put("session", SECRET, CONTENT, soon())

    assert Safe(shelf).get("session", SECRET) is None
    assert Safe(shelf, "a site's own secret").get("session", SECRET) == CONTENT


def test_whoever_reads_the_database_finds_no_id_no_token_and_no_patient(database: Database) -> None:
    Safe(StoredShelf(database)).put("session", SECRET, CONTENT, soon())

    with database.reading() as connection:
        (row,) = connection.execute(select(Sealed)).all()

    assert SECRET not in str(row)
    assert not any(word in str(row) for word in ("secret-token", "pat-7731", "patient"))
    assert len(row.key) == 64


def test_a_content_that_was_tampered_with_is_nothing(database: Database) -> None:
    safe = Safe(StoredShelf(database))
    safe.put("session", SECRET, CONTENT, soon())
    with database.writing() as connection:
        sealed = connection.execute(select(Sealed.content)).scalar_one()
        changed = sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")
        connection.execute(Sealed.__table__.update().values(content=changed))  # type: ignore[attr-defined]

    assert safe.get("session", SECRET) is None


def test_what_is_over_is_purged(database: Database) -> None:
    safe = Safe(StoredShelf(database))
    safe.put("session", SECRET, CONTENT, datetime.now(UTC) - timedelta(minutes=1))
    safe.put("session", "t" * 43, CONTENT, soon())

    purge(database, timedelta(days=30))

    with database.reading() as connection:
        assert len(connection.execute(select(Sealed)).all()) == 1


def test_the_memory_holds_the_newest_ten_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.safe._MOST", 3)
    safe = Safe(MemoryShelf())
    for each in "abcd":
        safe.put("session", each, CONTENT, soon())

    assert [each for each in "abcd" if safe.get("session", each) is None] == ["a"]
