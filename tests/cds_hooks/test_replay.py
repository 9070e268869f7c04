"""A token is used once: in one process, by many threads, and by many processes that share a Redis (J12)."""

from __future__ import annotations

import threading
import time
from typing import Any

import fakeredis
import pytest
import redis

from cds_hooks.replay import GuardUnavailable, MemoryReplayGuard, ReplayGuard
from cds_hooks.replay_redis import RedisReplayGuard


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> fakeredis.FakeServer:
    server = fakeredis.FakeServer()
    monkeypatch.setattr(redis.Redis, "from_url", lambda url, **options: fakeredis.FakeRedis(server=server))
    return server


@pytest.fixture(params=["memory", "redis"])
def guard(request: Any, shared: fakeredis.FakeServer) -> ReplayGuard:
    return MemoryReplayGuard() if request.param == "memory" else RedisReplayGuard("redis://cache.example")


def test_the_second_use_of_an_id_is_known(guard: ReplayGuard) -> None:
    until = time.time() + 60

    assert guard.first_use("one", "a", until)
    assert not guard.first_use("one", "a", until)
    assert guard.first_use("two", "a", until)
    assert guard.first_use("one", "b", until)


def test_of_many_threads_with_one_token_one_is_the_first(guard: ReplayGuard) -> None:
    until, firsts = time.time() + 60, []
    ready = threading.Barrier(16)

    def use() -> None:
        ready.wait()
        firsts.append(guard.first_use("one", "a", until))

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(firsts) == [False] * 15 + [True]


def test_issuer_and_id_are_not_mixed_up(guard: ReplayGuard) -> None:
    until = time.time() + 60

    assert guard.first_use("a", "b:c", until)
    assert guard.first_use("a:b", "c", until)


def test_two_workers_that_share_a_redis_know_of_each_other(shared: fakeredis.FakeServer) -> None:
    one, other = RedisReplayGuard("redis://cache.example"), RedisReplayGuard("redis://cache.example")

    assert one.first_use("one", "a", time.time() + 60)
    assert not other.first_use("one", "a", time.time() + 60)


def test_without_its_redis_a_guard_says_that_it_cannot_tell(shared: fakeredis.FakeServer) -> None:
    guard = RedisReplayGuard("redis://cache.example")
    shared.connected = False

    with pytest.raises(GuardUnavailable):
        guard.first_use("one", "a", time.time() + 60)


def test_memory_forgets_what_can_no_longer_be_used_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("cds_hooks.replay.time", lambda: now[0])
    guard = MemoryReplayGuard()
    for number in range(5000):
        now[0] += 1
        assert guard.first_use("one", str(number), now[0] + 100)
        assert not guard.first_use("one", str(max(0, number - 99)), now[0] + 100)

    assert len(guard._young) + len(guard._old) < 500
