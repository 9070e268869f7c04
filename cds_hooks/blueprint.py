"""The door in a Flask application: its three paths, CORS for browsers, and calls answered before the framework."""

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

import flask
from flask_cors import CORS

from cds_hooks.door import DISCOVERY, Door, Environ, Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Every method is routed, so that a wrong one is refused by the door, in FHIR."""
_CALLS = f"{DISCOVERY}/"
_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class _Body(list[bytes]):
    """The bytes of an answer, and what is left to do once they are sent: a server says so by `close` (PEP 3333).

    It is a list because granian sends a list as it is, without going back to a thread for it. What it then does
    not call, `close`, is made up for when it lets the answer go.
    """

    __slots__ = ("_after",)

    def __init__(self, reply: Reply) -> None:
        super().__init__((reply.body,))
        self._after = reply.after

    def close(self) -> None:
        after, self._after = self._after, None
        if after is not None:
            after()

    __del__ = close


def serve(app: flask.Flask, door: Door, cors_origins: Sequence[str] = ()) -> None:
    """Offer the door's services in an application."""
    app.register_blueprint(_routes(door, cors_origins))
    app.wsgi_app = _calls_first(app.wsgi_app, door)  # type: ignore[method-assign, assignment]


def _routes(door: Door, cors_origins: Sequence[str]) -> flask.Blueprint:
    routes = flask.Blueprint("cds_hooks", __name__)
    for rule, answer in (
        (DISCOVERY, door.discovery),
        (f"{DISCOVERY}/<service_id>", door.call),
        (f"{DISCOVERY}/<service_id>/feedback", door.feedback),
    ):
        routes.add_url_rule(
            rule,
            endpoint=answer.__name__,
            view_func=_view(answer),
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


def _view(answer: Callable[..., Reply]) -> Callable[..., flask.Response]:
    def view(**named: str) -> flask.Response:
        reply = answer(flask.request.environ, **named)
        response = flask.Response(reply.body, reply.status, reply.all_headers())
        if reply.after is not None:
            response.call_on_close(reply.after)
        return response

    return view


def _calls_first(others: "WSGIApplication", door: Door) -> "WSGIApplication":
    """Answer a plain call at once: an EHR's request has no use for the framework's third of a millisecond.

    What a browser sends (it names its origin), and what is no plain call, goes the usual way.
    """

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        service_id = _called(environ)
        if service_id is None:
            return others(environ, start_response)
        reply = door.call(environ, service_id)
        start_response(_STATUS[reply.status], reply.all_headers())
        return _Body(reply)

    return application


def _called(environ: Environ) -> str | None:
    """Return the service that is called, where nothing but calling it is asked for."""
    path: str = environ.get("PATH_INFO", "")
    if environ["REQUEST_METHOD"] != "POST" or not path.startswith(_CALLS) or "HTTP_ORIGIN" in environ:
        return None
    service_id = path[len(_CALLS) :]
    return service_id if service_id and "/" not in service_id else None
