"""What the tests of this room share: a service, requests for it, and a FHIR server that can misbehave."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import flask
import flask.testing
import msgspec

from cds_hooks.blueprint import serve
from cds_hooks.clients import Client
from cds_hooks.door import Door
from cds_hooks.gate import Gate
from cds_hooks.prefetch import Fetch, FetchFailed, Template
from cds_hooks.registry import Call, Registry, Service
from cds_hooks.wire import Card, Indicator, Response, Source

HOOK_INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
TOKEN = "secret-token-of-this-call"
PATIENT = {"resourceType": "Patient", "id": "pat-1", "gender": "female", "birthDate": "1951-03-14"}

TEMPLATES = (
    Template("patient", "Patient/{{context.patientId}}"),
    Template("b12", "Observation?patient={{context.patientId}}&code=http://loinc.org|2132-9&_count=20"),
    Template("conditions", "Condition?patient={{context.patientId}}"),
    Template("allergies", "AllergyIntolerance?patient={{context.patientId}}"),
)
REQUIRES = (frozenset({"patient"}), frozenset({"b12", "conditions"}))


def observation(number: int = 1) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": f"obs-{number}", "status": "final"}


def bundle(*resources: dict[str, Any], next_link: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if resources:
        made["entry"] = [{"resource": resource} for resource in resources]
    if next_link:
        made["link"] = [{"relation": "next", "url": next_link}]
    return made


def outcome(severity: str = "error", code: str = "forbidden") -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": "Patient pat-1, Beatrix"}],
    }


def everything() -> dict[str, Any]:
    return {"patient": PATIENT, "b12": bundle(observation()), "conditions": bundle(), "allergies": bundle()}


def hook_request(**changes: Any) -> dict[str, Any]:
    """A patient-view request; a change to `...` leaves the element out."""
    whole: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": HOOK_INSTANCE,
        "context": {"userId": "Practitioner/prac-1", "patientId": "pat-1"},
        "prefetch": everything(),
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def authorization(**changes: Any) -> dict[str, Any]:
    return {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "cds-service",
        "patient": "pat-1",
    } | changes


def echo(call: Call) -> Response:
    """Say on one card what is known under each key."""
    summary = " ".join(f"{key}={had.state}:{len(had.resources)}" for key, had in call.data.items())
    return Response(
        cards=(Card(summary=summary, indicator=Indicator.INFO, source=Source(label="echo")),),
    )


def service(**changes: Any) -> Service:
    whole: dict[str, Any] = {
        "id": "echo-view",
        "hook": "patient-view",
        "title": "Echo",
        "description": "Says what was had.",
        "prefetch": TEMPLATES,
        "requires": REQUIRES,
        "answer": echo,
    }
    return Service(**(whole | changes))


def no_fetch(server: str, path: str, token: str | None, deadline: float) -> bytes:
    raise FetchFailed("server not on the allow-list")


def client(
    *services: Service, fetch: Fetch = no_fetch, cors_origins: Sequence[str] = (), **options: Any
) -> flask.testing.FlaskClient:
    app = flask.Flask("test")
    anyone = Client(name="anyone", registry=Registry(services or (service(),)))
    serve(app, Door(fetch=fetch, **{"gate": Gate(anyone=anyone)} | options), cors_origins)
    return app.test_client()


def issue_of(response: Any) -> dict[str, Any]:
    """The one issue of an OperationOutcome answer, whose form is checked on the way."""
    assert response.content_type == "application/fhir+json"
    told = json.loads(response.data)
    assert told["resourceType"] == "OperationOutcome"
    (issue,) = told["issue"]
    assert issue["severity"] == "error"
    assert issue["details"]["text"]
    assert issue["diagnostics"]
    assert "cards" not in told
    return issue


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


class FhirServer:
    """A FHIR server on loopback: each path answers what it was told to, and every request is kept."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[flask.Request] = []
        self.delay = 0.0
        self.base = ""
        self._lock = threading.Lock()

    def app(self) -> flask.Flask:
        app = flask.Flask("fhir")

        @app.get("/fhir/", defaults={"path": ""})
        @app.get("/fhir/<path:path>")
        def answer(path: str) -> flask.Response:
            query = parse_qs(urlsplit(flask.request.url).query)
            with self._lock:
                self.asked.append(flask.request._get_current_object())  # type: ignore[attr-defined]
            time.sleep(self.delay)
            told = self.answers.get(f"page-{query['page'][0]}" if "page" in query else path.partition("/")[0])
            if callable(told):
                told = told()
            if isinstance(told, flask.Response):
                return told
            if told is None:
                return flask.Response(json.dumps(outcome(code="not-found")), 404, mimetype="application/fhir+json")
            return flask.Response(json.dumps(told), mimetype="application/fhir+json")

        return app


class _KeepAlive(BaseHTTPRequestHandler):
    """Speaks WSGI and keeps its connections, leaving every unread byte where it is."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    app: Callable[..., Any]

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        said: list[Any] = []
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": self.headers.get("Content-Length", ""),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_PORT": self.client_address[1],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": self.rfile,
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        } | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        answer = type(self).app(environ, lambda status, headers, *_: said.extend((status, headers)))
        body = b"".join(answer)
        self.send_response_only(int(said[0].partition(" ")[0]))
        for name, value in said[1]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if hasattr(answer, "close"):
            answer.close()

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a test's output is its assertions."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # or closing would wait for the connections that clients keep

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away: that is what a deadline is for."""


@contextmanager
def serving(app: Callable[..., Any]) -> Iterator[str]:
    """Serve a WSGI application on loopback while the block runs; gives its address."""
    handler = type("Handler", (_KeepAlive,), {"app": staticmethod(app)})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
