"""The floor: a Flask endpoint that parses the same body with orjson, and thinks nothing."""

from __future__ import annotations

import orjson
from flask import Flask, Response, request


def application() -> Flask:
    """Return the application: what a WSGI server loads."""
    app = Flask("bare")
    app.add_url_rule("/parse", "parse", _parse, methods=["POST"])
    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    return app


def _parse() -> Response:
    body = orjson.loads(request.get_data())
    return Response(orjson.dumps({"patient": body["context"]["patientId"]}), mimetype="application/json")
