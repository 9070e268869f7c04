"""A small server on this machine while the check runs: our key set, and a FHIR server that notes who asks for what."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from cds_hooks.conformance.people import found


@dataclass(frozen=True, slots=True)
class Asked:
    """One query that the service made: its path below the base, its Authorization header, and when."""

    path: str
    authorization: str
    at: float


@dataclass(slots=True)
class Loopback:
    """What the small server offers, and what it was asked."""

    address: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    strayed: int = 0
    """How often a key set was fetched from the address that nobody agreed to."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def fhir(self) -> str:
        """The base of the FHIR server."""
        return f"{self.address}/fhir"

    @property
    def jku(self) -> str:
        """Where the key set is."""
        return f"{self.address}/jwks.json"

    @property
    def stray_jku(self) -> str:
        """Where a key set is that no service was told of."""
        return f"{self.address}/elsewhere/jwks.json"

    def since(self, moment: float) -> list[Asked]:
        """Return the queries made after a reading of `time.monotonic`."""
        with self._lock:
            return [asked for asked in self.asked if asked.at >= moment]

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer one path with a status and JSON."""
        if path == "/jwks.json":
            return 200, self.keys
        if path == "/elsewhere/jwks.json":
            self.strayed += 1
            return 200, self.keys
        if not path.startswith("/fhir/"):
            return 404, {}
        asked = Asked(path.removeprefix("/fhir/"), authorization, time.monotonic())
        with self._lock:
            self.asked.append(asked)
        resource = found(asked.path)
        issue = {"severity": "error", "code": "not-found"}
        return (200, resource) if resource else (404, {"resourceType": "OperationOutcome", "issue": [issue]})


@contextmanager
def listening(port: int, keys: dict[str, Any]) -> Iterator[Loopback]:
    """Serve on a port of this machine (0: any) while the block runs; raises `OSError` if the port is taken."""
    known = Loopback(keys=keys)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(self.path)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            self._say(f"{self.path.partition('?')[0].removesuffix('/_search')}?{form}")

        def _say(self, path: str) -> None:
            status, told = known.answer(unquote(path), self.headers.get("Authorization", ""))
            body = json.dumps(told).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/fhir+json" if "/fhir/" in path else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: what was asked is told in the report."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    known.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
