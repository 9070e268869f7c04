"""A machine that is cut off in the middle of a write holds no other up, and nobody waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from service.store.database import Database, StoreError, opened
from service.store.feedback import keep
from service.store.migrate import upgrade
from service.store.rows import DataProblem
from service.store.writer import Writer

from . import postgres
from .rows import NOW, SERVICE, overridden

#: A row that all services count in.
PROBLEM = DataProblem(NOW.date(), "ehr", SERVICE, "unreadable-unit", "b12")
COUNTS = "UPDATE problem SET count = count + 1"


@pytest.fixture
def database(postgresql: str) -> Iterator[Database]:
    with postgres.fresh(postgresql) as url:
        kept = opened(url)
        upgrade(kept)
        yield kept
        kept.close()


def counted(database: Database) -> None:
    writer = Writer(database)
    writer.put([PROBLEM])
    writer.flush()


def test_what_a_silent_writer_holds_is_free_for_others_within_seconds(database: Database) -> None:
    counted(database)
    silent = database.writing()
    connection = silent.__enter__()
    connection.exec_driver_sql(COUNTS)
    began = time.monotonic()
    counted(database)
    assert time.monotonic() - began < 4
    assert keep(database, SERVICE, [overridden("card-1")], "ehr") == 1

    # Nothing is there of what was not finished.
    with pytest.raises(StoreError):
        silent.__exit__(None, None, None)
    with database.reading() as reading:
        assert reading.exec_driver_sql("SELECT count FROM problem").scalar() == 2


def test_whoever_waits_for_a_busy_writer_is_told_within_seconds_and_loses_nothing(database: Database) -> None:
    counted(database)
    waits = Writer(database)
    waits.put([PROBLEM])
    with ExitStack() as stack:
        busy = stack.enter_context(database.writing())
        busy.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        busy.exec_driver_sql(COUNTS)
        began = time.monotonic()
        with pytest.raises(StoreError, match="cannot be used"):
            waits.flush()
        assert time.monotonic() - began < 6
        assert waits.waiting == 1
    waits.close()

    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count FROM problem").scalar() == 3
