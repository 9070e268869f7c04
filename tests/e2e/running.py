"""Starting the service as a process of its own, calling it, and stopping it by its own handle."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from service.serving import until_healthy

Json = dict[str, Any]
COMMAND = [sys.executable, "-m", "service.cli"]
ROOT = Path(__file__).parents[2]
SERVICE = "/cds-services/b12-patient-view"


@dataclass(frozen=True)
class Running:
    """A service that runs: its address, and the file its process writes to."""

    base: str
    log: Path

    def call(self, body: Json | bytes, **headers: str) -> requests.Response:
        given = {"data": body} if isinstance(body, bytes) else {"json": body}
        sent = {"Content-Type": "application/json"} | headers
        return requests.post(f"{self.base}{SERVICE}", headers=sent, timeout=20, **given)


@contextmanager
def served(port: int, settings: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Run `b12-cds serve` with these settings and no others, until the block is left."""
    command = [*COMMAND, "serve", "--port", str(port), "--workers", "1"]
    settings = {"B12_DATABASE": str(log.with_suffix(".sqlite3")), **settings}
    with log.open("wb") as written:
        child = subprocess.Popen(command, env=environment(settings), cwd=ROOT, stdout=written, stderr=written)
        try:
            healthy = until_healthy(f"http://127.0.0.1:{port}", child, 90)
            assert healthy, log.read_text()
            yield Running(f"http://127.0.0.1:{port}", log)
        finally:
            child.terminate()
            child.wait(10)


def ran(*arguments: str, settings: Mapping[str, str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command, run to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(settings),
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        timeout=30,
        check=False,
    )


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, without any setting of the service but the ones given; nobody is asked who they are unless they say so."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("B12_")}
    return {**kept, "PYTHONPATH": str(ROOT), "B12_AUTHENTICATION": "off", "B12_DATABASE": "none", **settings}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def issue(answer: requests.Response) -> Json:
    """The one issue of a refusal, whose form is checked on the way."""
    outcome = answer.json()
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert outcome["resourceType"] == "OperationOutcome"
    assert "cards" not in outcome
    (only,) = outcome["issue"]
    return only
