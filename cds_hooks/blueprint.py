"""The door: discovery and calls over HTTP, where a refusal becomes a status and an OperationOutcome."""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import flask
import msgspec
from flask_cors import CORS

from cds_hooks.body import drain, read_body
from cds_hooks.completion import DEADLINE, PAGE_LIMIT, complete
from cds_hooks.errors import InternalFault, MethodNotAllowed, NoFeedback, Refusal, operation_outcome
from cds_hooks.invariants import check_response
from cds_hooks.prefetch import Fetch
from cds_hooks.receive import receive
from cds_hooks.registry import Call, Registry
from cds_hooks.trace import Trace

MAX_BODY = 10 * 1024 * 1024
FETCH_THREADS = 32

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Every method is routed, so that a wrong one is refused here, in FHIR."""


def blueprint(
    registry: Registry,
    *,
    fetch: Fetch,
    cors_origins: Sequence[str] = (),
    max_body: int = MAX_BODY,
    fetch_seconds: float = DEADLINE,
    page_limit: int = PAGE_LIMIT,
    fetch_threads: int = FETCH_THREADS,
    debug_invariants: bool = False,
) -> flask.Blueprint:
    """Offer a registry's services over HTTP (CDS Hooks: Discovery, Calling a CDS Service).

    `max_body` is in bytes; `fetch_seconds` bounds the fetching of one call, `fetch_threads` of all.
    With `debug_invariants` an answer that breaks one of HL7's invariants is a 500.
    """
    door = _Door(
        registry=registry,
        fetch=fetch,
        pool=ThreadPoolExecutor(fetch_threads, thread_name_prefix="fhir-fetch"),
        max_body=max_body,
        fetch_seconds=fetch_seconds,
        page_limit=page_limit,
        debug_invariants=debug_invariants,
    )
    routes = flask.Blueprint("cds_hooks", __name__)
    for rule, view in (
        ("/cds-services", door.discovery),
        ("/cds-services/<service_id>", door.call),
        ("/cds-services/<service_id>/feedback", door.feedback),
    ):
        routes.add_url_rule(
            rule,
            view_func=view,
            methods=_METHODS,
            strict_slashes=False,
            provide_automatic_options=False,
        )
    if cors_origins:
        # A browser client sets its token itself: there are no credentials in the sense of CORS.
        CORS(
            routes,
            origins=list(cors_origins),
            methods=["GET", "POST", "OPTIONS"],
            allow_headers=["authorization", "content-type"],
            supports_credentials=False,
            max_age=600,
        )
    return routes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    registry: Registry
    fetch: Fetch
    pool: Executor
    max_body: int
    fetch_seconds: float
    page_limit: int
    debug_invariants: bool

    def discovery(self) -> flask.Response:
        """List the services (B1-B3)."""
        if flask.request.method == "OPTIONS":
            return _preflight("GET")
        if flask.request.method not in {"GET", "HEAD"}:
            return self._refuse(MethodNotAllowed("GET", "OPTIONS"))
        return _say(200, self.registry.discovery_json)

    def call(self, service_id: str) -> flask.Response:
        """Answer one call of a service, or refuse it; a fault is never told as a lack of advice (E1-E6)."""
        if flask.request.method == "OPTIONS":
            return _preflight("POST")
        trace = Trace()
        try:
            answer = _say(200, self._answer(service_id, trace))
        except Refusal as refusal:
            trace.refused(refusal)
            answer = self._refuse(refusal)
        # Whatever a service did wrong, its caller must be able to tell it from "nothing to advise".
        except Exception as fault:
            trace.failed(fault)
            answer = self._refuse(InternalFault(trace.id))
        trace.close(answer.status_code)
        answer.headers["Server-Timing"] = trace.server_timing
        return answer

    def feedback(self, service_id: str) -> flask.Response:
        """Refuse feedback, which no store takes yet."""
        if flask.request.method == "OPTIONS":
            return _preflight("POST")
        try:
            self.registry.get(service_id)
        except Refusal as unknown:
            return self._refuse(unknown)
        return self._refuse(NoFeedback("This server does not take feedback."))

    def _answer(self, service_id: str, trace: Trace) -> bytes:
        service = self.registry.get(service_id)
        trace.service = service.id
        if flask.request.method != "POST":
            raise MethodNotAllowed("POST", "OPTIONS")
        body = read_body(self.max_body)
        request, context = receive(service, body)
        trace.lap("receive")
        known = complete(
            service,
            request,
            context,
            self.fetch,
            pool=self.pool,
            body=body,
            seconds=self.fetch_seconds,
            page_limit=self.page_limit,
        )
        trace.states = {key: prefetched.state for key, prefetched in known.items()}
        trace.lap("complete")
        response = service.answer(Call(request=request, context=context, data=known))
        if self.debug_invariants and (broken := check_response(response)):
            trace.broke(broken)
            raise InternalFault(trace.id)
        trace.cards = len(response.cards)
        answer = msgspec.json.encode(response)
        trace.lap("answer")
        return answer

    def _refuse(self, refusal: Refusal) -> flask.Response:
        drain()
        answer = _say(refusal.status, msgspec.json.encode(operation_outcome(refusal)), "application/fhir+json")
        if isinstance(refusal, MethodNotAllowed):
            answer.headers["Allow"] = ", ".join(refusal.allowed)
        return answer


def _say(status: int, body: bytes, mimetype: str = "application/json") -> flask.Response:
    return flask.Response(body, status=status, mimetype=mimetype, headers={"Cache-Control": "no-store"})


def _preflight(method: str) -> flask.Response:
    return flask.Response(status=204, headers={"Allow": f"{method}, OPTIONS", "Cache-Control": "no-store"})
