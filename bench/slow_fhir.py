"""A FHIR server that takes its time: every query is answered after 100 ms or as set, with what the payload holds."""

from __future__ import annotations

import os
import random
import time
from datetime import date
from urllib.parse import unquote

import orjson
from flask import Flask, Response, request

from bench.bodies import PATIENT, queries
from bench.bodies import request as hook_request

#: How long each answer is waited for, in seconds.
SECONDS = float(os.environ.get("BENCH_FHIR_SECONDS", "0.1"))
#: Whether a quarter of the answers are late, refused or cut off.
FAULTS = "BENCH_FHIR_FAULTS" in os.environ


def application() -> Flask:
    """Return the application: what a WSGI server loads."""
    prefetch = hook_request(date.today())["prefetch"]
    pages = {_key(url): orjson.dumps(prefetch[key]) for key, url in queries().items()}
    app, chance = Flask("slow_fhir"), random.Random(3)

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.get("/fhir/<kind>")
    @app.get("/fhir/<kind>/<name>")
    def answer(kind: str, name: str | None = None) -> Response:
        time.sleep(SECONDS)
        failure = chance.random() if FAULTS else 1.0
        if failure < 0.1:
            time.sleep(1.0)
        elif failure < 0.2:
            return Response(b'{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}', 503)
        asked = f"{kind}/" if name else f"{kind}?{unquote(request.query_string.decode())}"
        patient = name or request.args["patient"]
        page = pages[_key(asked)].replace(f'{PATIENT}"'.encode(), f'{patient}"'.encode())
        if failure < 0.25:
            page = page[: len(page) // 2]
        return Response(page, mimetype="application/fhir+json")

    return app


def _key(url: str) -> str:
    """Return what tells one query from another whoever it is about: a read's type, a search without its patient."""
    kind, _, query = url.partition("?")
    rest = [pair for pair in query.split("&") if not pair.startswith("patient=")]
    return f"{kind.partition('/')[0]}?{'&'.join(rest)}"
