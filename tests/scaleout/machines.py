"""What runs on the machines: PostgreSQL, Redis, and the service twice."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.cds_hooks.tokens import ec, jwk, jwks
from tests.e2e.running import ROOT, environment
from tests.store.postgres import _binaries

from .network import Machine

BASE = "https://cds.example"
"""The address that clients know; a balancer stands behind it."""
PORT = 8000
_PATIENCE = 60.0
_CLIENTS = """issuers:
  - issuer: https://ehr.example
    keys-file: keys.json
    clients:
      - {name: ward, protocol: uk-ng239, rate: 100000/minute}
"""


class CannotRun(Exception):
    """What the proof needs is not here."""


def check() -> None:
    """Raise CannotRun where network namespaces or the servers cannot be had."""
    if os.geteuid() != 0:
        raise CannotRun("network namespaces are made by root: sudo make scaleout")
    for program, cure in (("ip", "iproute2"), ("redis-server", "redis-server"), ("setpriv", "util-linux")):
        if shutil.which(program) is None:
            raise CannotRun(f"{program} is not here: apt-get install {cure}")
    if _binaries() is None:
        raise CannotRun("PostgreSQL is not here: apt-get install postgresql")


@contextmanager
def postgresql(on: Machine, folder: Path) -> Iterator[str]:
    """Run a PostgreSQL on a machine; its URL."""
    binaries, data = _binaries(), folder / "data"
    assert binaries is not None
    folder.mkdir()
    shutil.chown(folder, "postgres")
    whose = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    made = [*whose, str(binaries / "initdb"), "-D", str(data), "-U", "b12", "--auth=trust", "--encoding=UTF8"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write("host all all all trust\n")
    options = ["-D", str(data), "-h", "*", "-k", str(folder), "-c", "max_connections=100"]
    with _running(on.inside(*whose, str(binaries / "postgres"), *options), folder / "log", {}, quit_by=2):
        _until(lambda: _listens(on.address, 5432), "PostgreSQL")
        create = [str(binaries / "createdb"), "-h", on.address, "-U", "b12", "b12"]
        _until(lambda: subprocess.run(create, check=False, capture_output=True).returncode == 0, "the database")
        yield f"postgresql://b12@{on.address}/b12"


@contextmanager
def redis(on: Machine, folder: Path) -> Iterator[str]:
    """Run a Redis on a machine; its URL."""
    folder.mkdir()
    options = ["--bind", "0.0.0.0", "--protected-mode", "no", "--dir", str(folder), "--appendonly", "yes"]
    with _running(on.inside("redis-server", *options), folder / "log", {}):
        _until(lambda: _listens(on.address, 6379), "Redis")
        yield f"redis://{on.address}:6379/0"


def settings(folder: Path, database: str, shared: str) -> dict[str, str]:
    """The settings of both services, with the database made ready."""
    (folder / "keys.json").write_bytes(jwks(jwk(ec())))
    (folder / "clients.yaml").write_text(_CLIENTS, encoding="utf-8")
    given = {
        "B12_AUTHENTICATION": "required",
        "B12_CLIENTS": str(folder / "clients.yaml"),
        "B12_BASE_URLS": json.dumps([BASE]),
        "B12_DATABASE": database,
        "B12_REDIS": shared,
    }
    command(given, "db", "upgrade")
    return given


def command(given: Mapping[str, str], *words: str) -> str:
    """Run a command of ours; what it printed."""
    ours = [sys.executable, "-m", "service.cli", *words]
    ended = subprocess.run(ours, env=environment(given), cwd=ROOT, capture_output=True, text=True, check=True)
    return ended.stdout


@contextmanager
def service(on: Machine, given: Mapping[str, str], log: Path) -> Iterator[str]:
    """Run the service on a machine, with two workers; its address."""
    ours = [sys.executable, "-m", "service.cli", "serve", "--host", "0.0.0.0", "--port", str(PORT), "--workers", "2"]
    address = f"http://{on.address}:{PORT}"
    with _running(on.inside(*ours), log, environment(given)):
        _until(lambda: ready(address) == 200, "the service")
        yield address


def ready(address: str) -> int:
    """What a service says of itself; 0 where it cannot be asked."""
    try:
        return requests.get(f"{address}/readyz", timeout=8).status_code
    except requests.RequestException:
        return 0


def ready_by_itself(on: Machine) -> int:
    """What a service that nobody reaches says of itself, asked on its own machine."""
    asks = "import sys; from tests.scaleout.machines import ready; print(ready(sys.argv[1]))"
    asked = on.inside(sys.executable, "-c", asks, f"http://127.0.0.1:{PORT}")
    return int(subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > end:
            raise CannotRun(f"{what} did not start")
        time.sleep(0.1)


@contextmanager
def _running(words: list[str], log: Path, given: Mapping[str, str], quit_by: int = 15) -> Iterator[None]:
    with log.open("wb") as written:
        child = subprocess.Popen(
            words, env=dict(given) or None, cwd=ROOT if given else log.parent, stdout=written, stderr=written
        )
        try:
            yield
        finally:
            child.send_signal(quit_by)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
