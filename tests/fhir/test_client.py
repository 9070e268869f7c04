"""The FHIR client against a real server on loopback, and against servers that misbehave."""

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import flask
import pytest
import requests
import responses

from cds_hooks.prefetch import FetchFailed
from service.fhir.client import FhirClient
from tests.cds_hooks.kit import PATIENT, TOKEN, serving

BASE = "https://ehr.example/fhir"
BODY = json.dumps(PATIENT).encode()
PATH = "Patient/pat-1"
FHIR_JSON = "application/fhir+json"


def soon(seconds: float = 2.0) -> float:
    return time.monotonic() + seconds


def why(client: FhirClient, server: str = BASE, path: str = PATH, seconds: float = 2.0) -> str:
    with pytest.raises(FetchFailed) as failed:
        client(server, path, TOKEN, soon(seconds))

    assert "pat-1" not in str(failed.value)
    assert TOKEN not in str(failed.value)
    assert failed.value.__cause__ is None
    return failed.value.why


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection by hand, byte for byte."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"
    finally:
        listening.close()


def head(length: int | None = None) -> bytes:
    sized = f"Content-Length: {length}\r\n" if length is not None else ""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {FHIR_JSON}\r\n{sized}\r\n".encode()


@pytest.mark.parametrize(
    "server",
    [
        BASE,
        f"{BASE}/",
        f"{BASE}/R4",
        "HTTPS://EHR.example/fhir",
        "https://ehr.example:443/fhir",
    ],
)
def test_a_listed_base_and_what_lies_below_it_are_allowed(server):
    assert FhirClient([BASE]).allows(server)


@pytest.mark.parametrize(
    "server",
    [
        "",
        "not a url",
        "http://ehr.example/fhir",
        "https://ehr.example",
        "https://ehr.example/fhir2",
        "https://ehr.example/other",
        "https://ehr.example/FHIR",
        "https://ehr.example:8443/fhir",
        "https://ehr.example.evil.example/fhir",
        "https://evil.example/fhir",
        "https://evil.example/https://ehr.example/fhir",
        "https://ehr.example@evil.example/fhir",
        "https://user:word@ehr.example/fhir",
        "https://evil.example\\@ehr.example/fhir",
        "https://ehr.example/fhir/../admin",
        "https://ehr.example/fhir/%2e%2e/admin",
        "https://ehr.example/fhir?x=1",
        "https://ehr.example/fhir#x",
        "https://ehr.example/fhir\n",
        "https://ehr.example:port/fhir",
        "https://[::1/fhir",
        "//ehr.example/fhir",
        "file:///fhir",
    ],
)
def test_1_7_14_no_other_address_passes_for_a_listed_one(server):
    client = FhirClient([BASE])

    assert not client.allows(server)
    assert why(client, server) == "server not on the allow-list"


def test_1_7_14_http_is_allowed_where_it_is_listed():
    assert FhirClient(["http://127.0.0.1:8090/fhir"]).allows("http://127.0.0.1:8090/fhir")


@pytest.mark.parametrize("base", ["", "ehr.example/fhir", "ftp://ehr.example", "https://me@ehr.example", "*"])
def test_a_list_that_holds_no_address_is_refused_at_start(base):
    with pytest.raises(ValueError):
        FhirClient([base])


@responses.activate
def test_d14_the_token_is_presented_as_bearer_and_fhir_json_is_asked_for():
    responses.get(f"{BASE}/{PATH}", body=BODY, content_type=FHIR_JSON)

    assert FhirClient([BASE], user_agent="me/1")(BASE, PATH, TOKEN, soon()) == BODY
    sent = responses.calls[0].request.headers
    assert sent["Authorization"] == f"Bearer {TOKEN}"
    assert sent["Accept"] == FHIR_JSON
    assert sent["User-Agent"] == "me/1"


@responses.activate
def test_what_was_written_a_moment_ago_is_seen_so_no_search_is_answered_from_memory():
    responses.get(f"{BASE}/{PATH}", body=BODY, content_type=FHIR_JSON)

    FhirClient([BASE])(BASE, PATH, TOKEN, soon())

    assert responses.calls[0].request.headers["Cache-Control"] == "no-cache"


@responses.activate
def test_d12_without_a_token_no_other_credentials_are_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine ehr.example login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    responses.get(f"{BASE}/{PATH}", body=BODY, content_type=FHIR_JSON)

    FhirClient([BASE])(BASE, PATH, None, soon())

    assert "Authorization" not in responses.calls[0].request.headers


@responses.activate
def test_a_query_is_encoded():
    responses.get(f"{BASE}/Observation", body=BODY, content_type=FHIR_JSON)

    FhirClient([BASE])(BASE, "Observation?patient=pat-1&code=http://loinc.org|2132-9", TOKEN, soon())

    assert responses.calls[0].request.url.endswith("?patient=pat-1&code=http://loinc.org%7C2132-9")


@responses.activate
@pytest.mark.parametrize("link", [f"{BASE}?page=2", f"{BASE}/?page=2", "?page=2", f"{BASE}/Observation?page=2"])
def test_c13_a_next_link_below_the_server_is_followed(link):
    for url in (BASE, f"{BASE}/", f"{BASE}/Observation"):
        responses.get(url, body=BODY, content_type=FHIR_JSON)

    assert FhirClient([BASE])(BASE, link, TOKEN, soon()) == BODY


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/fhir?page=2",
        "//evil.example/fhir?page=2",
        "http://ehr.example/fhir?page=2",
        "https://ehr.example/other?page=2",
        "https://ehr.example/fhir2?page=2",
        "/admin",
        "../admin",
        "https://ehr.example@evil.example/fhir?page=2",
        "https://ehr.example/fhir/%2e%2e/admin?page=2",
    ],
)
def test_c13_a_next_link_that_leads_away_gets_no_token(link):
    assert why(FhirClient([BASE]), path=link) == "a link leads away from the FHIR server"


def test_c13_a_next_link_stays_below_the_server_of_the_request_and_not_only_on_the_list():
    client = FhirClient([BASE])

    assert why(client, f"{BASE}/tenant-1", f"{BASE}/tenant-2?page=2") == "a link leads away from the FHIR server"


@responses.activate
@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 400, 500, 503])
def test_a_status_other_than_200_is_named(status):
    responses.get(f"{BASE}/{PATH}", status=status, json={"resourceType": "OperationOutcome"})

    assert str(status) in why(FhirClient([BASE]))


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    responses.get(f"{BASE}/{PATH}", status=status, headers={"Location": "https://evil.example/"})

    assert why(FhirClient([BASE])) == f"the FHIR server redirects ({status}), which is not followed"
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>Patient pat-1</html>", "text/html"),
        (b"<html>Patient pat-1</html>", FHIR_JSON),
        (b"", FHIR_JSON),
        (BODY[:-1], FHIR_JSON),
        (BODY, "application/fhir+xml"),
    ],
)
def test_an_answer_that_is_not_json_is_failed(body, kind):
    responses.get(f"{BASE}/{PATH}", body=body, content_type=kind)

    assert why(FhirClient([BASE])) == "the FHIR server's answer is not JSON"


@responses.activate
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (requests.ConnectTimeout(f"{BASE}/{PATH}"), "the FHIR server did not answer in time"),
        (requests.ReadTimeout(f"{BASE}/{PATH}"), "the FHIR server did not answer in time"),
        (requests.exceptions.SSLError(f"{BASE}/{PATH}"), "the FHIR server's certificate is not trusted"),
        (requests.ConnectionError(f"{BASE}/{PATH}"), "the FHIR server cannot be reached"),
        (requests.exceptions.ChunkedEncodingError(TOKEN), "the FHIR server's answer broke off"),
    ],
)
def test_a_failed_connection_is_told_without_its_url(raised, said):
    responses.get(f"{BASE}/{PATH}", body=raised)

    assert why(FhirClient([BASE])) == said


@pytest.mark.parametrize("token", ["smuggled\r\nX-Other: 1", "snow ☃"])
def test_a_token_that_cannot_be_a_header_is_not_quoted(token):
    with pytest.raises(FetchFailed) as failed:
        FhirClient(["http://127.0.0.1:9"])("http://127.0.0.1:9", PATH, token, soon())

    assert token[:4] not in str(failed.value)


@responses.activate
def test_an_answer_over_the_limit_is_failed():
    responses.get(f"{BASE}/{PATH}", body=BODY, content_type=FHIR_JSON)

    assert why(FhirClient([BASE], max_bytes=20)) == "the FHIR server's answer is larger than 20 bytes"


def test_the_limit_counts_what_a_compressed_answer_unpacks_to():
    app = flask.Flask("fhir")

    @app.get("/fhir/<path:path>")
    def answer(path: str) -> flask.Response:
        packed = gzip.compress(b'"' + b" " * 5_000_000 + b'"')
        return flask.Response(packed, mimetype=FHIR_JSON, headers={"Content-Encoding": "gzip"})

    with serving(app) as address:
        assert "larger than" in why(FhirClient([address], max_bytes=1_000_000), f"{address}/fhir")
        assert len(FhirClient([address])(f"{address}/fhir", PATH, TOKEN, soon())) == 5_000_002


def test_the_deadline_ends_a_server_that_says_nothing():
    with raw_server(lambda connection: time.sleep(3)) as server:
        started = time.monotonic()

        assert why(FhirClient([server]), server, seconds=0.2) == "the FHIR server did not answer in time"
        assert time.monotonic() - started < 0.6


def test_the_deadline_ends_a_server_that_drips():
    def drip(connection: socket.socket) -> None:
        connection.sendall(head(len(BODY)))
        for byte in BODY:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    with raw_server(drip) as server:
        started = time.monotonic()

        assert why(FhirClient([server]), server, seconds=0.3) == "the FHIR server did not answer in time"
        assert time.monotonic() - started < 0.8


def test_the_deadline_ends_a_server_that_stalls_in_the_middle():
    def stall(connection: socket.socket) -> None:
        connection.sendall(head(len(BODY)) + BODY[:10])
        time.sleep(0.2)
        connection.sendall(BODY[10:20])
        time.sleep(3)

    with raw_server(stall) as server:
        started = time.monotonic()

        assert why(FhirClient([server]), server, seconds=0.4) == "the FHIR server did not answer in time"
        assert time.monotonic() - started < 0.8


def test_a_deadline_that_has_passed_asks_nothing():
    assert why(FhirClient(["http://127.0.0.1:9"]), "http://127.0.0.1:9", seconds=-1).endswith("in time")


def test_an_answer_shorter_than_it_said_is_failed():
    with raw_server(lambda connection: connection.sendall(head(len(BODY) + 10) + BODY)) as server:
        assert why(FhirClient([server]), server) == "the FHIR server's answer broke off"


def test_a_server_that_is_not_there_cannot_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert why(FhirClient([f"http://127.0.0.1:{port}"]), f"http://127.0.0.1:{port}") == (
        "the FHIR server cannot be reached"
    )


def test_a_connection_is_kept_for_the_next_page_and_no_cookie_is():
    app = flask.Flask("fhir")
    ports: list[object] = []
    cookies: list[object] = []

    @app.get("/fhir/<path:path>")
    def answer(path: str) -> flask.Response:
        ports.append(flask.request.environ["REMOTE_PORT"])
        cookies.append(flask.request.headers.get("Cookie"))
        return flask.Response(BODY, mimetype=FHIR_JSON, headers={"Set-Cookie": "user=one; Path=/"})

    with serving(app) as address:
        client = FhirClient([address])
        for _ in range(3):
            assert client(f"{address}/fhir", PATH, TOKEN, soon()) == BODY

    assert len(set(ports)) == 1
    assert cookies == [None, None, None]


def test_d15_nothing_of_ours_logs_the_token_or_the_url(caplog):
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    why(FhirClient([f"http://127.0.0.1:{port}"]), f"http://127.0.0.1:{port}")

    assert TOKEN not in caplog.text
    assert [record for record in caplog.records if not record.name.startswith("urllib3")] == []


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure():
    class OncePerConnection(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", FHIR_JSON)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)
            self.wfile.flush()
            self.rfile.peek(1)  # the next request arrives, and is not answered
            self.close_connection = True

        def log_message(self, *said):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), OncePerConnection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/fhir"
        client = FhirClient([base])

        assert [client(base, PATH, TOKEN, soon()) for _ in range(3)] == [BODY] * 3
        server.shutdown()
