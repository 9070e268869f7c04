"""Spans of a call: one for the call, its steps and its queries below it, none of which names a patient."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import flask
import pytest

from cds_hooks.prefetch import Fetch
from service.app import create_app
from service.settings import Settings, WrongSettings
from service.watch import watching as module
from tests.cds_hooks.kit import serving
from tests.e2e.chart import SEEDED, low_b12
from tests.e2e.running import SERVICE

sdk = pytest.importorskip("opentelemetry.sdk.trace.export", reason="pip install 'b12-cds[otel]'")
from opentelemetry.sdk.trace import ReadableSpan  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402
from opentelemetry.trace import SpanKind, StatusCode  # noqa: E402

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def ehr() -> Iterator[str]:
    app = flask.Flask("ehr")

    @app.get("/fhir/<path:path>")
    def answer(path: str) -> Any:
        if path.startswith("Patient/"):
            return flask.jsonify(low_b12()["prefetch"]["patient"])
        if path == "Condition":
            return flask.Response("Quillfeather", 403)
        return flask.jsonify({"resourceType": "Bundle", "type": "searchset"})

    with serving(app) as address:
        yield f"{address}/fhir"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    kept = InMemorySpanExporter()
    monkeypatch.setattr("service.watch.tracing.exporter", lambda url: sdk.SimpleSpanProcessor(kept))
    return kept


def traced(ehr: str, **headers: str) -> Any:
    app = create_app(
        Settings(
            protocol="uk-ng239",
            authentication="off",
            database="none",
            fhir_servers=(ehr,),
            traces="http://127.0.0.1:9/v1/traces",
        )
    )
    return app.test_client().post(SERVICE, json=low_b12(prefetch={}, fhirServer=ehr), headers=headers)


def named(kept: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in kept.get_finished_spans() if span.name == name]


def test_a_call_is_one_server_span_with_its_steps_and_its_queries(ehr: str, spans: InMemorySpanExporter) -> None:
    answer = traced(ehr)

    assert answer.status_code == 200
    (call,) = named(spans, "call b12-patient-view")
    assert call.kind is SpanKind.SERVER
    assert call.attributes is not None
    assert call.attributes["http.response.status_code"] == 200
    assert call.attributes["b12_cds.prefetch.conditions"] == "failed"
    assert call.attributes["b12_cds.request_id"] == answer.headers["X-Request-ID"]
    below = [span for span in spans.get_finished_spans() if span.parent and span.parent.span_id == call.context.span_id]
    assert {span.name for span in below} == {"receive", "complete", "answer", "fhir"}
    queries = named(spans, "fhir")
    assert len(queries) > 5
    assert {span.kind for span in queries} == {SpanKind.CLIENT}
    (failed,) = [span for span in queries if span.status.status_code is StatusCode.ERROR]
    assert failed.status.description == "the access token does not allow this (403)"


def test_steps_lie_within_their_call_one_after_the_other(ehr: str, spans: InMemorySpanExporter) -> None:
    traced(ehr)
    (call,) = named(spans, "call b12-patient-view")
    steps = [named(spans, name)[0] for name in ("receive", "complete", "answer")]
    times = [time for step in steps for time in (step.start_time or 0, step.end_time or 0)]

    assert times == sorted(times)
    assert (call.start_time or 0) - 2_000_000 <= times[0]
    assert times[-1] <= (call.end_time or 0) + 2_000_000


def test_a_call_joins_its_callers_trace(ehr: str, spans: InMemorySpanExporter) -> None:
    answer = traced(ehr, traceparent=f"00-{TRACE}-{SPAN}-01")
    (call,) = named(spans, "call b12-patient-view")

    assert f"{call.context.trace_id:032x}" == TRACE
    assert call.parent is not None
    assert f"{call.parent.span_id:016x}" == SPAN
    assert {f"{span.context.trace_id:032x}" for span in spans.get_finished_spans()} == {TRACE}
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{call.context.span_id:016x}-01"


def test_a_caller_that_does_not_sample_is_heeded(ehr: str, spans: InMemorySpanExporter) -> None:
    assert traced(ehr, traceparent=f"00-{TRACE}-{SPAN}-00").status_code == 200

    assert spans.get_finished_spans() == ()


def test_no_span_holds_what_identifies_a_patient(ehr: str, spans: InMemorySpanExporter) -> None:
    traced(ehr)
    said = "".join(span.to_json() for span in spans.get_finished_spans())

    assert len(said) > 1000
    assert [secret for secret in SEEDED if secret in said] == []


def test_spans_reach_a_collector_over_http(ehr: str) -> None:
    """The real exporter: protocol buffers, to the address that the setting names."""
    received: list[tuple[str, bytes]] = []
    came = threading.Event()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, *_: Any) -> None: ...

    from service.watch.tracing import Tracing, exporter

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        processor = exporter(f"http://127.0.0.1:{collector.server_address[1]}/v1/traces")
        fetch: Fetch = Tracing(processor).fetch(lambda *_: b"{}", lambda _: True)
        assert fetch("https://ehr.example/fhir", "Patient/pat-7731", None, 0.0) == b"{}"
        assert processor.force_flush()
        assert came.wait(10)
        collector.shutdown()
    ((path, body),) = received
    assert path == "/v1/traces"
    assert b"ehr.example" in body
    assert b"pat-7731" not in body


def test_without_its_extra_the_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(WrongSettings, match=r"pip install 'b12-cds\[otel\]'"):
        create_app(Settings(protocol="uk-ng239", authentication="off", database="none", traces="http://127.0.0.1:9/v"))


def test_a_collector_that_is_gone_costs_no_answer(ehr: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/traces"
    app = create_app(Settings(protocol="uk-ng239", authentication="off", database="none", traces=nobody))

    assert json.loads(app.test_client().post(SERVICE, json=low_b12()).data)["cards"]
