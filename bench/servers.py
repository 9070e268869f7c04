"""Starting and stopping the servers that are measured, each a process of its own on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from service.serving import THREADS

WORKERS = 2
PROTOCOL = "us-aafp"
#: Seconds in which a server must start, and stop.
_PATIENCE, _FAREWELL = 30.0, 5.0
#: Any answer of somebody else's server shows that it is up.
_UP = (200, 404)
_SERVE = ("-m", "service.cli", "serve", "--workers", str(WORKERS))


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int
    start_seconds: float

    def workers(self) -> list[int]:
        """Return the process ids of the workers; none where /proc is not there to tell."""
        return [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/stat") if _parent(p) == self.pid]

    def megabytes(self) -> float | None:
        """Return the resident memory of the largest worker, in MiB."""
        sizes = [_resident(worker) for worker in self.workers()]
        return max(sizes) / 1024 if sizes else None


@contextmanager
def service(**settings: str) -> Iterator[Server]:
    """Run the service as `b12-cds serve` runs it."""
    port = _free_port()
    with _running(
        (*_SERVE, "--port", str(port)), port, {"B12_PROTOCOL": PROTOCOL, "B12_AUTHENTICATION": "off"} | settings
    ) as server:
        yield server


@contextmanager
def granian(target: str, workers: int = WORKERS, threads: int = THREADS, **settings: str) -> Iterator[Server]:
    """Run an application on the server, workers and threads of the service."""
    port = _free_port()
    options = f"--interface wsgi --factory --no-ws --log-level warning --workers {workers} --blocking-threads {threads}"
    with _running(("-m", "granian", *options.split(), "--port", str(port), target), port, settings) as server:
        yield server


@contextmanager
def other(command: list[str], flag: str, *last: str, path: str) -> Iterator[Server]:
    """Run somebody else's server; the port goes behind its flag, or first where it has none."""
    port = _free_port()
    given = (flag, str(port), *last) if flag else (str(port), *last)
    with _running((*command[1:], *given), port, {}, program=command[0], path=path) as server:
        yield server


@contextmanager
def gunicorn() -> Iterator[Server]:
    """Run the service under the other production server, with as many workers and threads."""
    port = _free_port()
    options = f"-k gthread --workers {WORKERS} --threads {THREADS} --log-level warning --bind 127.0.0.1:{port}"
    command = ("-m", "gunicorn", *options.split(), "service.app:application()")
    with _running(command, port, {"B12_PROTOCOL": PROTOCOL, "B12_AUTHENTICATION": "off"}) as server:
        yield server


@contextmanager
def _running(
    arguments: tuple[str, ...],
    port: int,
    settings: Mapping[str, str],
    program: str = sys.executable,
    path: str = "/healthz",
) -> Iterator[Server]:
    with tempfile.TemporaryFile() as log:
        begun = time.perf_counter()
        # A session of its own, so that no worker can outlive the server.
        child = subprocess.Popen(
            [program, *arguments],
            env=_environment() | {"B12_DATABASE": "none"} | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            if not _until_healthy(port, child, path):
                log.seek(0)
                raise RuntimeError(f"a server did not start: {log.read().decode(errors='replace')[-2000:]}")
            yield Server(port, child.pid, time.perf_counter() - begun)
        finally:
            _end(child)


def _environment() -> dict[str, str]:
    """Return the environment with byte code kept, as that of an installed package is: the first start compiles."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_FAREWELL)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _until_healthy(port: int, child: subprocess.Popen[bytes], path: str) -> bool:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and child.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", path)
            if connection.getresponse().status in _UP:
                return True
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    return False


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None  # it has just ended


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
