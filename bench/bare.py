"""The floor: beside the service, on its own server, a Flask endpoint that only parses the same body with orjson."""

from __future__ import annotations

import orjson
from flask import Flask, Response, request

from service.app import application as service


def application() -> Flask:
    """Return the service with the bare endpoint beside it: one server, one process, the same heap."""
    app = service()
    app.add_url_rule("/parse", "parse", _parse, methods=["POST"])
    return app


def _parse() -> Response:
    body = orjson.loads(request.get_data())
    return Response(orjson.dumps({"patient": body["context"]["patientId"]}), mimetype="application/json")
