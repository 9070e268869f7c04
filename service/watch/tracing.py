"""OpenTelemetry traces (the extra `otel`): a span for each call, its steps, and its queries to FHIR servers.

A span holds names of services, steps, hosts and states; no path and no parameter: those name patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from multiprocessing.util import Finalize
from time import time_ns
from typing import TYPE_CHECKING

from opentelemetry import trace as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from cds_hooks.correlation import CURRENT, Parent
from cds_hooks.prefetch import Fetch, FetchFailed
from cds_hooks.servers import Address
from cds_hooks.trace import Trace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CALLS = "/cds-services/"
_MILLION = 1_000_000
_EXPORT_SECONDS = 2


def exporter(url: str) -> SpanProcessor:
    """Return what sends spans to a collector, behind the calls."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # A collector that is gone must not keep a service that is told to stop.
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_EXPORT_SECONDS))


class Tracing:
    """Makes spans and hands them to a processor; a `cds_hooks.correlation.Watch`."""

    def __init__(self, processor: SpanProcessor) -> None:
        resource = Resource.create({"service.name": "b12-cds", "service.version": version("b12-cds")})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("b12-cds")
        # A worker of a server that forks ends without the interpreter's own end.
        Finalize(None, provider.shutdown, exitpriority=5)

    def around(self, application: WSGIApplication) -> WSGIApplication:
        """Return the application with a span around each call; within `correlated`."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            exchange = CURRENT.get()
            if exchange is None or not environ.get("PATH_INFO", "").startswith(_CALLS):
                return application(environ, start_response)
            above = otel.set_span_in_context(_remote(exchange.parent)) if exchange.parent is not None else None
            with self._tracer.start_as_current_span("call", above, SpanKind.SERVER, record_exception=False) as span:
                exchange.span = f"{span.get_span_context().span_id:016x}"
                span.set_attribute("http.request.method", environ["REQUEST_METHOD"])
                span.set_attribute("b12_cds.request_id", exchange.id)
                return application(environ, start_response)

        return answer

    def ended(self, trace: Trace, status: int) -> None:
        """Say on the span of a call how it ended, and put its steps below it."""
        span = otel.get_current_span()
        span.update_name(f"{trace.kind} {trace.service}")
        span.set_attribute("http.response.status_code", status)
        span.set_attribute("b12_cds.service", trace.service)
        span.set_attribute("b12_cds.cards", trace.cards)
        for key, state in trace.states.items():
            span.set_attribute(f"b12_cds.prefetch.{key}", str(state))
        if trace.refusal is not None:
            span.set_attribute("b12_cds.refusal", trace.refusal)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        at = time_ns() - int(trace.elapsed() * _MILLION)
        for step, ms in trace.laps:
            ends = at + int(ms * _MILLION)
            self._tracer.start_span(step, start_time=at).end(ends)
            at = ends

    def fetch(self, fetch: Fetch, allows: Callable[[str], bool]) -> Fetch:
        """Return a `Fetch` with a span around each query to a server that may be named."""

        def traced(server: str, path: str, token: str | None, deadline: float) -> bytes:
            if not allows(server):
                return fetch(server, path, token, deadline)
            with self._tracer.start_as_current_span(
                "fhir", kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
            ) as span:
                span.set_attribute("server.address", Address.parse(server).host)
                try:
                    return fetch(server, path, token, deadline)
                except FetchFailed as failed:
                    span.set_status(Status(StatusCode.ERROR, failed.why))
                    raise

        return traced


def _remote(parent: Parent) -> NonRecordingSpan:
    context = SpanContext(
        int(parent.trace, 16), int(parent.span, 16), is_remote=True, trace_flags=TraceFlags(int(parent.flags, 16))
    )
    return NonRecordingSpan(context)
