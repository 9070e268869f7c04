"""A token is used once: by one thread of one worker of all, on every machine with the same database."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from cds_hooks.replay import GuardUnavailable
from service.store.database import Database, opened
from service.store.purge import purge
from service.store.replay import StoredReplayGuard
from service.store.tables import UsedToken

from .rows import days

ISSUER = "https://ehr.example"


def soon() -> float:
    return time.time() + 300


def uses(where: str, jtis: list[str]) -> list[bool]:
    """What one worker of several says of these tokens."""
    guard = StoredReplayGuard(opened(where))
    return [guard.first_use(ISSUER, jti, time.time() + 300) for jti in jtis]


def test_a_token_is_used_once_and_never_again(database: Database) -> None:
    guard = StoredReplayGuard(database)

    assert guard.first_use(ISSUER, "one", soon())
    assert not guard.first_use(ISSUER, "one", soon())
    assert guard.first_use(ISSUER, "two", soon())
    assert guard.first_use("https://another.example", "one", soon())


def test_of_twenty_threads_with_one_token_one_is_first(database: Database) -> None:
    guard = StoredReplayGuard(database)
    with ThreadPoolExecutor(20) as pool:
        first = list(pool.map(lambda _: guard.first_use(ISSUER, "one", soon()), range(20)))

    assert first.count(True) == 1


def test_of_four_workers_with_one_database_one_is_first_with_each_token(database: Database, where: str) -> None:
    jtis = [f"token-{number}" for number in range(25)]
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as workers:
        said = list(workers.map(uses, [where] * 4, [jtis] * 4))

    assert [sum(each) for each in zip(*said, strict=True)] == [1] * len(jtis)
    # Used by all of them before: refused by all.
    assert not any(uses(where, jtis))


def test_an_expired_token_is_forgotten_and_a_valid_one_is_not(database: Database) -> None:
    guard = StoredReplayGuard(database)
    guard.first_use(ISSUER, "old", time.time() - 1)
    guard.first_use(ISSUER, "young", soon())

    assert purge(database, days(400)).tokens == 1
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(UsedToken)) == 1
    assert not guard.first_use(ISSUER, "young", soon())


def test_without_its_database_nobody_is_let_in(empty: Database) -> None:
    with pytest.raises(GuardUnavailable):
        StoredReplayGuard(empty).first_use(ISSUER, "one", soon())


def test_a_token_id_that_no_database_can_hold_counts_as_used(database: Database) -> None:
    assert not StoredReplayGuard(database).first_use(ISSUER, "a\0b", soon())
