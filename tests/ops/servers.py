"""A PostgreSQL and a Redis that a test can stop and start again, with what they hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.e2e.running import free_port
from tests.store.postgres import REQUIRED, _binaries, _until_ready


class Server:
    """A program on a port of its own; `stop` is sudden."""

    def __init__(self, command: list[str], folder: Path, user: str | None = None) -> None:
        self._command, self._folder, self._user = command, folder, user
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._child = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user, cwd=self._folder)

    @property
    def child(self) -> subprocess.Popen[bytes]:
        assert self._child is not None
        return self._child

    def stop(self) -> None:
        """End it at once, in order: what it acknowledged is kept."""
        if self._child is not None and self._child.poll() is None:
            # PostgreSQL's own word for it is "fast": connections are cut.
            self._child.send_signal(2)
            try:
                self._child.wait(20)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()


class Postgres(Server):
    """A PostgreSQL with one database, `b12`."""

    url: str

    def start(self) -> None:
        super().start()
        _until_ready(self.url.removesuffix("b12") + "postgres", self.child)


class Redis(Server):
    """A Redis that keeps everything it is told."""

    url: str

    def start(self) -> None:
        super().start()
        client = redis.Redis.from_url(self.url)
        end = time.monotonic() + 20
        while True:
            try:
                client.ping()
            except redis.RedisError:
                assert time.monotonic() < end
                time.sleep(0.05)
            else:
                client.close()
                return


@contextmanager
def postgres(host: str = "127.0.0.1") -> Iterator[Postgres]:
    """Give a PostgreSQL that runs; skip where there is none, unless one is required."""
    binaries = _binaries()
    if binaries is None:
        why = "no PostgreSQL: install it"
        pytest.fail(why) if os.environ.get("B12_TEST_POSTGRES") == REQUIRED else pytest.skip(why)
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="b12-pg-", ignore_cleanup_errors=True) as kept:
        if user:
            shutil.chown(kept, user)
        data, port = f"{kept}/data", free_port()
        made = [str(binaries / "initdb"), "-D", data, "-U", "b12", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=user, cwd=kept)
        if host != "127.0.0.1":
            with Path(data, "pg_hba.conf").open("a", encoding="utf-8") as rules:
                rules.write("host all all all trust\n")
        options = ["-F", "-h", host, "-p", str(port), "-k", kept]
        server = Postgres([str(binaries / "postgres"), "-D", data, *options], Path(kept), user)
        server.url = f"postgresql://b12@127.0.0.1:{port}/b12"
        try:
            server.start()
            subprocess.run(
                [str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "b12", "b12"],
                check=True,
                capture_output=True,
            )
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Give a Redis that runs; skip where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no Redis: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="b12-redis-", ignore_cleanup_errors=True) as kept:
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", kept, "--appendonly", "yes"]
        server = Redis([program, *options], Path(kept))
        server.url = f"redis://127.0.0.1:{port}/0"
        try:
            server.start()
            yield server
        finally:
            server.stop()
