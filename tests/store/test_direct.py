"""One statement past SQLAlchemy: its own transaction, its own error, and a connection that is found again."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import select

from service.store.database import Database, StoreError
from service.store.direct import Direct
from service.store.replay import StoredReplayGuard
from service.store.tables import UsedToken

INSERT = "INSERT INTO used_token (issuer, jti, until) VALUES ({}, {}, {}) ON CONFLICT DO NOTHING"
FIND = "SELECT jti FROM used_token WHERE issuer = {}"
ROW = ("https://ehr.example", "one", datetime(2026, 3, 1, tzinfo=UTC).isoformat(" "))


def test_a_statement_says_what_it_changed_and_found(database: Database) -> None:
    direct = Direct(database)

    assert direct.run(direct.worded(INSERT), ROW)[0] == 1
    assert direct.run(direct.worded(INSERT), ROW)[0] == 0
    assert direct.run(direct.worded(FIND), ROW[:1])[1][0] == "one"
    assert direct.run(direct.worded(FIND), ("nobody",))[1] is None


def test_each_statement_stands_for_every_other_connection_at_once(database: Database) -> None:
    direct = Direct(database)
    direct.run(direct.worded(INSERT), ROW)
    seen: list[object] = []
    other = Thread(target=lambda: seen.append(direct.run(direct.worded(FIND), ROW[:1])[1]))
    other.start()
    other.join()

    assert seen
    assert seen[0] is not None


def test_an_error_names_the_database_and_nothing_of_what_was_written(empty: Database) -> None:
    with pytest.raises(StoreError) as error:
        Direct(empty).run(Direct(empty).worded(INSERT), ("https://ehr.example", "Quillfeather", ROW[2]))

    assert empty.name in str(error.value)
    assert "Quillfeather" not in str(error.value)


def test_a_connection_that_ended_is_replaced(database: Database) -> None:
    direct = Direct(database)
    direct.run(direct.worded(INSERT), ROW)
    direct._own.connection.close()

    if database.is_sqlite:
        # A file's connection is ended by nobody but us: the next statement has another.
        with pytest.raises(StoreError):
            direct.run(direct.worded(FIND), ROW[:1])
    assert direct.run(direct.worded(FIND), ROW[:1])[1] is not None


def test_a_server_that_is_gone_is_not_waited_for_twice(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = Direct(database)
    direct.run(direct.worded(INSERT), ROW)
    clock, tries = iter([0.0, 2.0]), []

    def gone(*_: object) -> None:
        tries.append(1)
        raise TimeoutError

    monkeypatch.setattr("service.store.direct.monotonic", lambda: next(clock))
    monkeypatch.setattr(Direct, "_run", gone)

    with pytest.raises(StoreError, match="TimeoutError"):
        direct.run(direct.worded(FIND), ROW[:1])
    assert tries == [1]


def test_the_end_of_a_token_is_stored_as_the_tables_store_it(database: Database) -> None:
    until = time.time() + 300
    StoredReplayGuard(database).first_use("https://ehr.example", "one", until)

    with database.reading() as connection:
        assert connection.scalar(select(UsedToken.until)) == datetime.fromtimestamp(until, UTC)
