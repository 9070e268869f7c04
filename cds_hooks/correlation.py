"""One HTTP request, by one name from the caller's log to ours: X-Request-ID and W3C Trace Context, taken and answered.

Only names that cannot hold a word or a number of a person are taken over: they are written to logs.
"""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from random import getrandbits
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from cds_hooks.trace import Trace

_REQUEST_ID = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE
)
"""A UUID, 32 hexadecimal digits, or a ULID."""
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""`traceparent` (W3C Trace Context, 3.2); of later versions only what the first one has is read."""


class Watch(Protocol):
    """Is told of every call of a service that ended, and of its feedback; must be quick, and is never waited for."""

    def ended(self, trace: "Trace", status: int) -> None:
        """Take note of a call."""


@dataclass(slots=True)
class Parent:
    """Where a caller's trace stands."""

    trace: str
    span: str
    flags: str


@dataclass(slots=True)
class Exchange:
    """One request while it is answered; `id` is what logs, the answer and the caller call it."""

    id: str
    parent: Parent | None = None
    span: str = ""
    """Our part of the caller's trace, in 16 hexadecimal digits."""
    watch: tuple[Watch, ...] = ()


CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
"""The request that is being answered; none outside of one."""


def read_exchange(environ: "WSGIEnvironment", watch: tuple[Watch, ...] = ()) -> Exchange:
    """Return the exchange of a request, with its caller's names where they are well-formed."""
    given, parent = environ.get("HTTP_X_REQUEST_ID"), _parent(environ.get("HTTP_TRACEPARENT"))
    if given is not None and _REQUEST_ID.fullmatch(given):
        name = given
    else:
        name = parent.trace if parent is not None else new_name()
    return Exchange(name, parent, f"{getrandbits(64) | 1:016x}" if parent is not None else "", watch)


def new_name() -> str:
    """Return a name for a request, in 32 hexadecimal digits; it need not be hard to guess."""
    return f"{getrandbits(128):032x}"


def _parent(text: str | None) -> Parent | None:
    found = _PARENT.fullmatch(text) if text is not None else None
    if found is None or (found[1] == "00" and found[5]):
        return None
    return Parent(found[2], found[3], found[4])


def correlated(application: "WSGIApplication", *watch: Watch) -> "WSGIApplication":
    """Return the application with every request known by name; the answer says it in X-Request-ID."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        exchange = read_exchange(environ, watch)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
        ) -> Callable[[bytes], object]:
            headers.append(("X-Request-ID", exchange.id))
            if exchange.parent is not None:
                parent = exchange.parent
                headers.append(("traceresponse", f"00-{parent.trace}-{exchange.span}-{parent.flags}"))
            return start_response(status, headers, exc_info)

        token = CURRENT.set(exchange)
        try:
            return application(environ, start)
        finally:
            CURRENT.reset(token)

    return answer


class ExchangePool(ThreadPoolExecutor):
    """Threads that know for which request they work."""

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run a task in the exchange of whoever hands it over."""
        return super().submit(copy_context().run, task, *arguments, **named)
