"""A PostgreSQL server for the tests: the one that B12_TEST_POSTGRES names, or one started from installed binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy

from tests.e2e.running import free_port

REQUIRED = "required"
_PATIENCE = 30.0


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a server on which databases may be made; skip where there is none, unless one is required."""
    wanted = os.environ.get("B12_TEST_POSTGRES", "")
    if wanted not in ("", REQUIRED):
        yield wanted
        return
    binaries = _binaries()
    if binaries is None:
        why = "no PostgreSQL: install it, or set B12_TEST_POSTGRES to a URL"
        pytest.fail(why) if wanted == REQUIRED else pytest.skip(why)
    with _started(binaries) as url:
        yield url


@contextmanager
def fresh(base: str) -> Iterator[str]:
    """Give the URL of a new database, which is dropped at the end."""
    name = f"b12_test_{uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(_driver(base), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield sqlalchemy.make_url(base).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def _driver(url: str) -> sqlalchemy.URL:
    return sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def _started(binaries: Path) -> Iterator[str]:
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="b12-pg-", ignore_cleanup_errors=True) as kept:
        if user:
            shutil.chown(kept, user)
        data, port = f"{kept}/data", free_port()
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "b12", "--auth=trust", "--encoding=UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd=kept,
        )
        options = ["-F", "-h", "127.0.0.1", "-p", str(port), "-k", kept, "-c", "max_connections=200"]
        with (Path(kept) / "log").open("wb") as log:
            child = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, user=user, cwd=kept
            )
            try:
                url = f"postgresql://b12@127.0.0.1:{port}/postgres"
                _until_ready(url, child)
                yield url
            finally:
                child.terminate()
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def _until_ready(url: str, child: subprocess.Popen[bytes]) -> None:
    engine = sqlalchemy.create_engine(_driver(url))
    end = time.monotonic() + _PATIENCE
    while child.poll() is None and time.monotonic() < end:
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError:
            time.sleep(0.05)
        else:
            engine.dispose()
            return
    raise RuntimeError("PostgreSQL did not start")
