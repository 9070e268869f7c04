"""Calls counted in windows of time: as the library's own storage counts them, without its thread."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from cds_hooks import windows
from cds_hooks.windows import Windows

THREE = parse("3/minute")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_800_000_000.0]
    monkeypatch.setattr(windows, "time", lambda: now[0])
    return now


def test_so_many_calls_pass_in_a_window_and_again_in_the_next(clock: list[float]) -> None:
    limiter = FixedWindowRateLimiter(Windows())

    assert [limiter.hit(THREE, "ehr") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.hit(THREE, "another")
    clock[0] += 59.9
    assert not limiter.hit(THREE, "ehr")
    clock[0] += 0.1
    assert limiter.hit(THREE, "ehr")


def test_a_window_says_when_it_ends_and_what_is_left(clock: list[float]) -> None:
    limiter = FixedWindowRateLimiter(Windows())
    assert limiter.get_window_stats(THREE, "ehr") == (clock[0], 3)

    limiter.hit(THREE, "ehr")
    begun = clock[0]
    clock[0] += 20

    assert limiter.get_window_stats(THREE, "ehr") == (begun + 60, 2)
    clock[0] += 40
    assert limiter.get_window_stats(THREE, "ehr") == (clock[0], 3)


def test_counts_are_forgotten_one_or_all(clock: list[float]) -> None:
    storage = Windows()
    limiter = FixedWindowRateLimiter(storage)
    for name in ("a", "b", "b"):
        limiter.hit(THREE, name)

    limiter.clear(THREE, "b")
    assert [limiter.get_window_stats(THREE, name).remaining for name in "ab"] == [2, 3]
    assert storage.reset() == 1
    assert limiter.get_window_stats(THREE, "a") == (clock[0], 3)
    assert storage.check()


def test_no_call_is_lost_among_threads_and_no_thread_is_started() -> None:
    before = threading.active_count()
    storage = Windows()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: storage.incr("ehr", 60), range(2000)))

    assert storage.get("ehr") == 2000
    assert threading.active_count() == before


def test_it_counts_as_the_storage_of_the_library_does() -> None:
    ours, theirs = FixedWindowRateLimiter(Windows()), FixedWindowRateLimiter(MemoryStorage())

    for _ in range(5):
        assert ours.hit(THREE, "ehr") == theirs.hit(THREE, "ehr")
        assert ours.test(THREE, "ehr") == theirs.test(THREE, "ehr")
        stats = [each.get_window_stats(THREE, "ehr") for each in (ours, theirs)]
        assert stats[0].remaining == stats[1].remaining
        assert stats[0].reset_time == pytest.approx(stats[1].reset_time, abs=1)
