"""The door: discovery, calls and feedback over WSGI, where a refusal becomes a status and an OperationOutcome."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from cds_hooks.body import drain, read_body
from cds_hooks.clients import Client
from cds_hooks.completion import DEADLINE, PAGE_LIMIT, complete
from cds_hooks.correlation import ExchangePool
from cds_hooks.errors import (
    InternalFault,
    MalformedRequest,
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
from cds_hooks.registry import Call
from cds_hooks.trace import Trace
from cds_hooks.wire import Response

MAX_BODY = 10 * 1024 * 1024
FETCH_THREADS = 32

DISCOVERY = "/cds-services"
_SILENCE = Response(cards=())

Environ = dict[str, Any]
"""What a WSGI server says of a request (PEP 3333)."""


class Reply(msgspec.Struct, frozen=True):
    """An answer as it goes out, whatever serves it."""

    status: int
    body: bytes = b""
    mimetype: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    after: Callable[[], None] | None = None
    """What is left to do when the answer is out: nobody waits for it."""

    def having(self, name: str, value: str) -> "Reply":
        """Return the same with one header more."""
        return msgspec.structs.replace(self, headers=(*self.headers, (name, value)))

    def all_headers(self) -> list[tuple[str, str]]:
        """Return every header that is sent; nothing that is said here may be cached."""
        content = [("Content-Type", self.mimetype)] if self.body else []
        length = [] if self.status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(self.body)))]
        return [*content, *length, ("Cache-Control", "no-store"), *self.headers]


def fetch_pool(threads: int = FETCH_THREADS) -> Executor:
    """Return the threads that fetch for all calls of this process."""
    return ExchangePool(threads, thread_name_prefix="fhir-fetch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is behind the three paths of CDS Hooks (Discovery, Calling a CDS Service, Feedback).

    The `gate` says who calls, and so which services are offered. Without `take_feedback` feedback is refused (404).
    `max_body` is in bytes; `fetch_seconds` bounds the fetching of one call, the `pool` of all.
    With `debug_invariants` an answer that breaks one of HL7's invariants is a 500.
    """

    gate: Gate
    fetch: Fetch
    pool: Executor = field(default_factory=fetch_pool)
    max_body: int = MAX_BODY
    fetch_seconds: float = DEADLINE
    page_limit: int = PAGE_LIMIT
    debug_invariants: bool = False
    take_feedback: TakeFeedback | None = None

    def discovery(self, environ: Environ) -> Reply:
        """List the services (B1-B3)."""
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return _preflight("GET")
        try:
            client = self.gate.admit(environ, DISCOVERY)
            if method not in {"GET", "HEAD"}:
                raise MethodNotAllowed("GET", "OPTIONS")
        except Refusal as refusal:
            return _refuse(refusal, environ)
        except Exception as fault:
            trace = Trace("discovery")
            trace.failed(fault)
            return _refuse(InternalFault(trace.id), environ)
        return Reply(200, client.registry.discovery_json)

    def call(self, environ: Environ, service_id: str) -> Reply:
        """Answer one call of a service, or refuse it; a fault is never told as a lack of advice (E1-E6)."""
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return _preflight("POST")
        trace = Trace()
        try:
            reply = Reply(200, self._answer(environ, service_id, trace))
        except Refusal as refusal:
            trace.refused(refusal)
            reply = _refuse(refusal, environ)
        # Nothing of ours recurs without end: something that was read late is nested too deep.
        except RecursionError:
            deep = MalformedRequest("What was sent is nested too deep.")
            trace.refused(deep)
            reply = _refuse(deep, environ)
        # Whatever a service did wrong, its caller must be able to tell it from "nothing to advise".
        except Exception as fault:
            trace.failed(fault)
            reply = _refuse(InternalFault(trace.id), environ)
        trace.close(reply.status)
        timing = ("Server-Timing", trace.server_timing)
        return Reply(reply.status, reply.body, reply.mimetype, (*reply.headers, timing), trace.finish)

    def feedback(self, environ: Environ, service_id: str) -> Reply:
        """Take feedback; it is acknowledged once it is kept (H1-H8)."""
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return _preflight("POST")
        trace = Trace(kind="feedback")
        try:
            reply = Reply(200, self._take(environ, service_id, trace))
        except Refusal as refusal:
            trace.refused(refusal)
            reply = _refuse(refusal, environ)
        # A client that is told 200 believes that its feedback is kept.
        except Exception as fault:
            trace.failed(fault)
            reply = _refuse(InternalFault(trace.id), environ)
        trace.close(reply.status)
        return msgspec.structs.replace(reply, after=trace.finish)

    def _take(self, environ: Environ, service_id: str, trace: Trace) -> bytes:
        client = self.gate.admit(environ, f"{DISCOVERY}/{service_id}/feedback")
        service = client.registry.get(service_id)
        trace.service = service.id
        if self.take_feedback is None:
            raise NoFeedback("This server does not take feedback.")
        if environ["REQUEST_METHOD"] != "POST":
            raise MethodNotAllowed("POST", "OPTIONS")
        items = read_feedback(read_body(environ, self.max_body))
        self.take_feedback(service.id, items, client.name)
        return msgspec.json.encode({"received": len(items)})

    def _answer(self, environ: Environ, service_id: str, trace: Trace) -> bytes:
        client = self.gate.admit(environ, f"{DISCOVERY}/{service_id}")
        service = client.registry.get(service_id)
        trace.service = service.id
        if environ["REQUEST_METHOD"] != "POST":
            raise MethodNotAllowed("POST", "OPTIONS")
        body = read_body(environ, self.max_body)
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
                keep=trace.kept.append,
                later=trace.tasks.append,
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
        trace.kept += (body, request, context, known, response)
        trace.lap("answer")
        return answer


def _refuse(refusal: Refusal, environ: Environ) -> Reply:
    turned_away = isinstance(refusal, Unauthorized | TooMany)
    if not turned_away:
        drain(environ)
    outcome = msgspec.json.encode(operation_outcome(refusal))
    reply = Reply(refusal.status, outcome, "application/fhir+json")
    if turned_away:
        # A stranger's body is not waited for: it might never come.
        reply = reply.having("Connection", "close")
    if isinstance(refusal, MethodNotAllowed):
        return reply.having("Allow", ", ".join(refusal.allowed))
    if isinstance(refusal, Unauthorized):
        return reply.having("WWW-Authenticate", "Bearer")
    if isinstance(refusal, TooMany):
        return reply.having("Retry-After", str(refusal.seconds))
    return reply


def _preflight(method: str) -> Reply:
    return Reply(204, headers=(("Allow", f"{method}, OPTIONS"),))


def _elsewhere(server: str, path: str, token: str | None, deadline: float) -> bytes:  # noqa: ARG001 - as Fetch
    """Fetch nothing: this client may not send us to that server, and its token goes nowhere."""
    raise FetchFailed("server not on the allow-list")


def _broken(response: Response, client: Client) -> tuple[str, ...]:
    broken = check_response(response)
    return tuple(rule for rule in broken if rule != "F19" or not client.profile.action_selection)
