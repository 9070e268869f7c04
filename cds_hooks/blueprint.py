"""The door: discovery and calls over HTTP, where a refusal becomes a status and an OperationOutcome."""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import flask
import msgspec
from flask_cors import CORS

from cds_hooks.body import drain, read_body
from cds_hooks.clients import Client
from cds_hooks.completion import DEADLINE, PAGE_LIMIT, complete
from cds_hooks.errors import (
    InternalFault,
    MethodNotAllowed,
    NoFeedback,
    Refusal,
    TooMany,
    Unauthorized,
    operation_outcome,
)
from cds_hooks.feedback import TakeFeedback, read_feedback
from cds_hooks.gate import Gate
from cds_hooks.invariants import check_response
from cds_hooks.prefetch import Fetch, FetchFailed
from cds_hooks.profile import to_edition
from cds_hooks.receive import receive
from cds_hooks.registry import Call, Registry
from cds_hooks.trace import Trace
from cds_hooks.wire import Response

MAX_BODY = 10 * 1024 * 1024
FETCH_THREADS = 32

DISCOVERY = "/cds-services"
_SILENCE = Response(cards=())
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Every method is routed, so that a wrong one is refused here, in FHIR."""


def blueprint(
    registry: Registry,
    *,
    fetch: Fetch,
    gate: Gate | None = None,
    take_feedback: TakeFeedback | None = None,
    cors_origins: Sequence[str] = (),
    max_body: int = MAX_BODY,
    fetch_seconds: float = DEADLINE,
    page_limit: int = PAGE_LIMIT,
    fetch_threads: int = FETCH_THREADS,
    debug_invariants: bool = False,
) -> flask.Blueprint:
    """Offer a registry's services over HTTP (CDS Hooks: Discovery, Calling a CDS Service).

    A `gate` says who calls, and so which registry is offered; without one everybody is offered this one.
    Without `take_feedback` feedback is refused (404). `max_body` is in bytes; `fetch_seconds` bounds the fetching of
    one call, `fetch_threads` of all.
    With `debug_invariants` an answer that breaks one of HL7's invariants is a 500.
    """
    door = _Door(
        gate=gate or Gate(anyone=Client(name="anyone", registry=registry)),
        fetch=fetch,
        pool=ThreadPoolExecutor(fetch_threads, thread_name_prefix="fhir-fetch"),
        max_body=max_body,
        fetch_seconds=fetch_seconds,
        page_limit=page_limit,
        debug_invariants=debug_invariants,
        take_feedback=take_feedback,
    )
    routes = flask.Blueprint("cds_hooks", __name__)
    for rule, view in (
        (DISCOVERY, door.discovery),
        (f"{DISCOVERY}/<service_id>", door.call),
        (f"{DISCOVERY}/<service_id>/feedback", door.feedback),
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
    gate: Gate
    fetch: Fetch
    pool: Executor
    max_body: int
    fetch_seconds: float
    page_limit: int
    debug_invariants: bool
    take_feedback: TakeFeedback | None

    def discovery(self) -> flask.Response:
        """List the services (B1-B3)."""
        if flask.request.method == "OPTIONS":
            return _preflight("GET")
        try:
            client = self.gate.admit(DISCOVERY)
            if flask.request.method not in {"GET", "HEAD"}:
                raise MethodNotAllowed("GET", "OPTIONS")
        except Refusal as refusal:
            return self._refuse(refusal)
        except Exception as fault:
            trace = Trace("discovery")
            trace.failed(fault)
            return self._refuse(InternalFault(trace.id))
        return _say(200, client.registry.discovery_json)

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
        """Take feedback; it is acknowledged once it is kept (H1-H8)."""
        if flask.request.method == "OPTIONS":
            return _preflight("POST")
        trace = Trace()
        try:
            answer = _say(200, self._take(service_id, trace))
        except Refusal as refusal:
            answer = self._refuse(refusal)
        # A client that is told 200 believes that its feedback is kept.
        except Exception as fault:
            trace.failed(fault)
            answer = self._refuse(InternalFault(trace.id))
        trace.close(answer.status_code)
        return answer

    def _take(self, service_id: str, trace: Trace) -> bytes:
        client = self.gate.admit(f"{DISCOVERY}/{service_id}/feedback")
        service = client.registry.get(service_id)
        trace.service = service.id
        if self.take_feedback is None:
            raise NoFeedback("This server does not take feedback.")
        if flask.request.method != "POST":
            raise MethodNotAllowed("POST", "OPTIONS")
        items = read_feedback(read_body(self.max_body))
        self.take_feedback(service.id, items, client.name)
        return msgspec.json.encode({"received": len(items)})

    def _answer(self, service_id: str, trace: Trace) -> bytes:
        client = self.gate.admit(f"{DISCOVERY}/{service_id}")
        service = client.registry.get(service_id)
        trace.service = service.id
        if flask.request.method != "POST":
            raise MethodNotAllowed("POST", "OPTIONS")
        body = read_body(self.max_body)
        request, context = receive(service, body, client.profile)
        trace.lap("receive")
        known = complete(
            service,
            request,
            context,
            self.fetch if client.may_name(request.fhirServer or "") else _elsewhere,
            pool=self.pool,
            body=body,
            seconds=self.fetch_seconds,
            page_limit=self.page_limit,
        )
        trace.states = {key: prefetched.state for key, prefetched in known.items()}
        trace.lap("complete")
        trace.silent = client.silent is not None and client.silent()
        response = service.answer(
            Call(
                request=request,
                context=context,
                data=known,
                service=service.id,
                client=client.name,
                silent=trace.silent,
                elapsed=trace.elapsed,
            )
        )
        if client.profile.action_selection:
            response = to_edition(response, client.profile)
        if self.debug_invariants and (broken := _broken(response, client)):
            trace.broke(broken)
            raise InternalFault(trace.id)
        trace.cards = len(response.cards)
        if trace.silent:
            response = _SILENCE
        answer = msgspec.json.encode(response)
        trace.lap("answer")
        return answer

    def _refuse(self, refusal: Refusal) -> flask.Response:
        turned_away = isinstance(refusal, Unauthorized | TooMany)
        if not turned_away:
            drain()
        answer = _say(refusal.status, msgspec.json.encode(operation_outcome(refusal)), "application/fhir+json")
        if turned_away:
            # A stranger's body is not waited for: it might never come.
            answer.headers["Connection"] = "close"
        if isinstance(refusal, MethodNotAllowed):
            answer.headers["Allow"] = ", ".join(refusal.allowed)
        elif isinstance(refusal, Unauthorized):
            answer.headers["WWW-Authenticate"] = "Bearer"
        elif isinstance(refusal, TooMany):
            answer.headers["Retry-After"] = str(refusal.seconds)
        return answer


def _elsewhere(server: str, path: str, token: str | None, deadline: float) -> bytes:  # noqa: ARG001 - as Fetch
    """Fetch nothing: this client may not send us to that server, and its token goes nowhere."""
    raise FetchFailed("server not on the allow-list")


def _broken(response: Response, client: Client) -> tuple[str, ...]:
    broken = check_response(response)
    return tuple(rule for rule in broken if rule != "F19" or not client.profile.action_selection)


def _say(status: int, body: bytes, mimetype: str = "application/json") -> flask.Response:
    return flask.Response(body, status=status, mimetype=mimetype, headers={"Cache-Control": "no-store"})


def _preflight(method: str) -> flask.Response:
    return flask.Response(status=204, headers={"Allow": f"{method}, OPTIONS", "Cache-Control": "no-store"})
