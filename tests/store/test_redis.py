"""Used tokens and rates in a real Redis: two processes that share nothing else know of each other."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import requests

from cds_hooks.replay import SECONDS, GuardUnavailable
from cds_hooks.replay_redis import RedisReplayGuard
from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token
from tests.e2e.chart import low_b12
from tests.e2e.running import SERVICE, Running, free_port, served

from . import redis_server

CLIENTS = """
issuers:
  - issuer: https://ehr.example
    keys-file: keys.json
    clients:
      - {name: ward, protocol: uk-ng239}
      - {name: hasty, protocol: uk-ng239, tenants: [hasty], rate: 3/minute}
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server.server() as address:
        yield address


@pytest.fixture(scope="module")
def two(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """Two services with a database each, and one Redis."""
    folder: Path = tmp_path_factory.mktemp("site")
    (folder / "keys.json").write_bytes(jwks(jwk(ec())))
    (folder / "clients.yaml").write_text(CLIENTS, encoding="utf-8")
    settings = {
        "B12_AUTHENTICATION": "required",
        "B12_CLIENTS": str(folder / "clients.yaml"),
        "B12_BASE_URLS": json.dumps(["https://cds.example"]),
        "B12_REDIS": url,
    }
    with (
        served(free_port(), settings, folder / "one.log") as one,
        served(free_port(), settings, folder / "two.log") as other,
    ):
        yield one, other


def test_a_token_that_one_process_took_is_refused_by_the_other(two: tuple[Running, Running]) -> None:
    given = _token()

    assert [_called(service, given) for service in (*two, *two)] == [200, 401, 401, 401]
    assert [_called(service, _token()) for service in reversed(two)] == [200, 200]


def test_a_client_s_rate_is_counted_over_both_processes(two: tuple[Running, Running]) -> None:
    one, other = two

    statuses = [_called(service, _token(tenant="hasty")) for service in (one, other, one, other, one)]

    assert statuses == [200, 200, 200, 429, 429]


def test_of_many_processes_at_once_one_is_the_first(url: str) -> None:
    context, jti = multiprocessing.get_context("spawn"), str(uuid4())
    with context.Pool(2) as pool:
        firsts = pool.starmap(_uses, [(url, f"{jti}-{number}") for number in range(20)] * 2, chunksize=20)

    assert [sum(pair) for pair in zip(firsts[:20], firsts[20:], strict=True)] == [1] * 20


def test_a_token_is_forgotten_when_it_can_no_longer_be_used(url: str) -> None:
    guard, jti = RedisReplayGuard(url), str(uuid4())
    until = time.time() + 1

    assert guard.first_use("one", jti, until)
    (key,) = redis.Redis.from_url(url).keys(f"*{jti}")
    assert 0 < redis.Redis.from_url(url).ttl(key) <= 2
    assert not guard.first_use("one", jti, until)
    time.sleep(2.1)
    assert guard.first_use("one", jti, time.time() + 1)


def test_when_redis_goes_away_nobody_is_let_in_and_when_it_is_back_they_are(tmp_path: Path) -> None:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no Redis: install redis-server")
    port = free_port()
    with redis_server.started(binary, str(tmp_path), port) as mine:
        guard = RedisReplayGuard(mine)
        assert guard.first_use("one", "a", time.time() + 60)
    started = time.monotonic()
    with pytest.raises(GuardUnavailable):
        guard.first_use("one", "b", time.time() + 60)
    assert time.monotonic() - started < SECONDS + 1
    with redis_server.started(binary, str(tmp_path), port):
        assert guard.first_use("one", "c", time.time() + 60)


def _token(**more: Any) -> str:
    return token(claims(SERVICE, aud=f"https://cds.example{SERVICE}", jti=str(uuid4()), **more))


def _called(service: Running, given: str) -> int:
    headers = {"Authorization": f"Bearer {given}"}
    return requests.post(f"{service.base}{SERVICE}", json=low_b12(), headers=headers, timeout=20).status_code


def _uses(url: str, jti: str) -> bool:
    return RedisReplayGuard(url).first_use("one", jti, time.time() + 60)
