"""A service of its own process with several workers, and what belongs to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.serving import until_healthy
from tests.e2e.running import COMMAND, ROOT, Running, environment, free_port


@dataclass(frozen=True)
class Process(Running):
    """A service that runs, with the process that leads its workers."""

    process: subprocess.Popen[bytes]


@contextmanager
def running(settings: Mapping[str, str], log: Path, workers: int) -> Iterator[Process]:
    """Run `b12-cds serve` with these settings and no others; at the end nothing of it is left."""
    port = free_port()
    command = [*COMMAND, "serve", "--port", str(port), "--workers", str(workers)]
    with log.open("wb") as written:
        child = subprocess.Popen(
            command, env=environment(settings), cwd=ROOT, stdout=written, stderr=written, start_new_session=True
        )
        base = f"http://127.0.0.1:{port}"
        try:
            assert until_healthy(base, child, 90), log.read_text()
            yield Process(base, log, child)
        finally:
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)


def children(process: int) -> list[int]:
    """The processes that one has started."""
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
