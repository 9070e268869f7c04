"""The floor: beside the service, on its own server, a Flask endpoint that only parses the same body with orjson."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Flask, Response, request

from service.app import application as service


def application() -> Any:
    """Return the service with a bare application beside it: one server, one process, the same heap."""
    whole, bare = service().wsgi_app, Flask("bare")
    bare.add_url_rule("/parse", "parse", _parse, methods=["POST"])

    def either(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chosen = bare.wsgi_app if environ["PATH_INFO"] == "/parse" else whole
        return chosen(environ, start_response)

    return either


def _parse() -> Response:
    body = orjson.loads(request.get_data())
    return Response(orjson.dumps({"patient": body["context"]["patientId"]}), mimetype="application/json")
