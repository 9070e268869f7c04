"""A Redis server for the tests: the one that B12_TEST_REDIS names, or one started from an installed binary."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.e2e.running import free_port

REQUIRED = "required"
_PATIENCE = 10.0


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of an empty server; skip where there is none, unless one is required."""
    wanted = os.environ.get("B12_TEST_REDIS", "")
    if wanted not in ("", REQUIRED):
        yield wanted
        return
    binary = shutil.which("redis-server")
    if binary is None:
        why = "no Redis: install redis-server, or set B12_TEST_REDIS to a URL"
        pytest.fail(why) if wanted == REQUIRED else pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="b12-redis-") as kept, started(binary, kept, free_port()) as url:
        yield url


@contextmanager
def started(binary: str, kept: str, port: int) -> Iterator[str]:
    """Run a server that keeps nothing until the block is left."""
    told = ["--bind", "127.0.0.1", "--port", str(port), "--dir", kept, "--save", "", "--appendonly", "no"]
    child = subprocess.Popen([binary, *told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        _wait_for(url, child)
        yield url
    finally:
        child.terminate()
        child.wait(10)


def _wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            redis.Redis.from_url(url, socket_timeout=1).ping()
            return
        except redis.RedisError:
            assert child.poll() is None, "redis-server ended"
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.05)
