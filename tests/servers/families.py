"""FHIR servers of other families: each as a process on loopback with memory and time bounded, ended by its handle."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import requests

from service.sandbox.fhir_server import FhirServer
from service.sandbox.patients import SandboxPatient, bundle, patients
from tests.e2e.running import free_port

from .obtain import CLASSES, CLASSPATH, HERE, MEDPLUM

FAMILIES = ("hapi", "medplum", "sekmet")
START_SECONDS = 300
STOP_SECONDS = 15
MEDPLUM_BEARS = 8


@dataclass(frozen=True)
class Server:
    """A FHIR server that runs."""

    name: str
    base: str

    @property
    def people(self) -> tuple[SandboxPatient, ...]:
        """The demo patients on it: all, or as many as a server bears whose searches read every resource there is."""
        return patients()[:MEDPLUM_BEARS] if self.name == "medplum" else patients()


class NotStarted(RuntimeError):
    """A server ended or kept silent; the message holds the end of what it printed."""


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """An empty server of a family, its files in a folder, until the block is left; raises NotStarted."""
    if name == "sekmet":
        with FhirServer() as server:
            yield Server(name, server.base)
        return
    port = free_port()
    with _process(_command(name, port, folder), folder / "log", f"http://127.0.0.1:{port}/fhir") as base:
        yield Server(name, base)


def load(server: Server, today: date) -> None:
    """Put the demo patients' charts on a server; raises requests.HTTPError with what it said."""
    with requests.Session() as session:
        for patient in server.people:
            answer = session.post(server.base, json=bundle(patient, today), timeout=120)
            if not answer.ok:
                raise requests.HTTPError(f"{patient.id}: {answer.status_code} {answer.text[:2000]}")


def _command(name: str, port: int, folder: Path) -> list[str]:
    if name == "medplum":
        # Packages are found beside the module, so it runs from where they are.
        program = MEDPLUM / "server.mjs"
        program.write_bytes((HERE / "medplum" / "server.mjs").read_bytes())
        return ["node", "--max-old-space-size=512", str(program), str(port)]
    classpath = f"{CLASSES}:{CLASSPATH.read_text().strip()}"
    bounds = ["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={folder}"]
    return ["java", *bounds, "-cp", classpath, "HapiServer", str(port), str(folder)]


@contextmanager
def _process(command: Sequence[str], log: Path, base: str) -> Iterator[str]:
    """Run a server that ends with its standard input, so that none outlives the tests."""
    with log.open("wb") as written:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=written, stderr=written, cwd=log.parent)
        try:
            _until_it_answers(base, child, log)
            yield base
        finally:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            assert child.stdin is not None
            child.stdin.close()


def _until_it_answers(base: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{base}/metadata", timeout=60).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.2)
    raise NotStarted(f"{base} does not answer:\n{log.read_text(errors='replace')[-3000:]}")
