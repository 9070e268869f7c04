"""A FHIR server on loopback that answers well but for one kind of resource, which it answers in a way of its own."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"
#: A stranger's name, which the server's own words and pages hold.
NAME = "Quillfeather"
LOGIN = f"<!doctype html><title>Sign in</title><p>{NAME}, your session has ended</p>".encode()
PATIENCE = 4.0


class Handler(BaseHTTPRequestHandler):
    """One connection to the server."""

    protocol_version = "HTTP/1.1"
    server: Ehr

    def do_GET(self) -> None:
        path = unquote(self.path).removeprefix("/fhir").lstrip("/")
        kind = path.partition("?")[0].partition("/")[0]
        self.server.asked.append(path)
        self.server.tokens.add(self.headers.get("Authorization"))
        wrong = kind in self.server.wrong or "page=" in path
        (self.server.way if wrong else good)(self)

    def say(
        self, body: bytes, status: int = 200, kind: str = FHIR_JSON, length: int | None = None, **headers: str
    ) -> None:
        """Answer; a length of -1 is not told."""
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, pieces: bytes) -> None:
        """Send byte after byte, as long as anybody listens."""
        for byte in pieces:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.ended.wait(0.03):
                return

    def wait(self) -> None:
        self.server.ended.wait(PATIENCE)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a test's output is its assertions."""


class Ehr(ThreadingHTTPServer):
    """The server: what it holds by type, which types it answers in its way, and what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, held: Mapping[str, Json], wrong: tuple[str, ...], way: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.held, self.wrong, self.way = held, wrong, way
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.ended = threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}/fhir"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away: that is what a deadline is for."""


@contextmanager
def ehr(held: Mapping[str, Json], wrong: tuple[str, ...], way: Callable[[Handler], None]) -> Iterator[Ehr]:
    """Serve while the block runs."""
    server = Ehr(held, wrong, way)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def searchset(*resources: Json, following: str | None = None) -> bytes:
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
    if following is not None:
        bundle["link"] = [{"relation": "next", "url": following}]
    return json.dumps(bundle).encode()


def outcome(severity: str = "error") -> Json:
    issue = {"severity": severity, "code": "security", "diagnostics": f"{NAME} may not be read"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def order(patient: str = "pat-7731", **changes: Any) -> Json:
    """A prescription of something that has nothing to do with B12."""
    medicine = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "29046"}]}
    made: Json = {"resourceType": "MedicationRequest", "id": "order-1", "status": "active", "intent": "order"}
    return made | {"medicationCodeableConcept": medicine, "subject": {"reference": f"Patient/{patient}"}} | changes


def good(http: Handler) -> None:
    path = unquote(http.path).removeprefix("/fhir").lstrip("/")
    resource = http.server.held.get(path.partition("?")[0].partition("/")[0])
    http.say(json.dumps(resource).encode() if resource else searchset())


def says(status: int, **headers: str) -> Callable[[Handler], None]:
    """Answer with a status and an OperationOutcome that names the patient."""
    return lambda http: http.say(json.dumps(outcome()).encode(), status, **headers)


def gives(body: bytes | Json, **how: Any) -> Callable[[Handler], None]:
    """Answer 200 with a body."""
    return lambda http: http.say(body if isinstance(body, bytes) else json.dumps(body).encode(), **how)


def late(http: Handler) -> None:
    http.wait()
    http.say(searchset())


def drips(http: Handler) -> None:
    http.say(b"", length=len(searchset(order())))
    http.drip(searchset(order()))


def drips_its_headers(http: Handler) -> None:
    http.wfile.write(b"HTTP/1.1 200 OK\r\n")
    http.drip(b"X-Much: more\r\n" * 1000)


def stalls(http: Handler) -> None:
    http.say(searchset(order())[:40], length=4000)
    http.wait()


def breaks_off(http: Handler) -> None:
    http.say(searchset(order())[:40], length=4000)
    http.close_connection = True


def hangs_up(http: Handler) -> None:
    http.close_connection = True


def speaks_no_http(http: Handler) -> None:
    http.wfile.write(b"\x16\x03\x01\x02\x00" + NAME.encode() + b"\r\n\r\n")
    http.close_connection = True


def never_ends(http: Handler) -> None:
    """Send without a length until nobody listens."""
    http.send_response_only(200)
    http.send_header("Content-Type", FHIR_JSON)
    http.end_headers()
    http.wfile.write(b'{"resourceType": "Bundle", "note": "')
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        http.wfile.write(b"x" * 65536)


def bomb(http: Handler) -> None:
    """Send a few kilobytes that unpack to forty million."""
    http.say(gzip.compress(b'"' + b" " * 40_000_000 + b'"'), Content_Encoding="gzip")


def pages_without_end(http: Handler) -> None:
    number = int(http.path.rpartition("page=")[2]) if "page=" in http.path else 1
    http.say(searchset(order(id=f"order-{number}"), following=f"{http.server.base}?page={number + 1}"))


def pages_in_a_ring(http: Handler) -> None:
    http.say(searchset(order(), following=f"{http.server.base}?page=1"))


def second_page(way: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """Answer the first page well and the next in some way."""

    def answer(http: Handler) -> None:
        if "page=" in http.path:
            way(http)
        else:
            http.say(searchset(order(), following=f"{http.server.base}?page=2"))

    return answer
