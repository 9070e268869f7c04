"""`/healthz`: the process is alive. `/readyz`: it can answer, for what it depends on can be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from flask import Flask, Response

from cds_hooks.keys import KeySource

UNREACHABLE = "unreachable"


def add_health(
    app: Flask,
    sources: Sequence[KeySource] = (),
    store: Callable[[], bool] | None = None,
    tokens: Callable[[], bool] | None = None,
) -> None:
    """Add both endpoints; `store` and `tokens` say whether the store, and what remembers used tokens, can be reached.

    Who the clients are is not told: anybody may ask.
    """

    def alive() -> Response:
        return _say(200, {"status": "ok"})

    def ready() -> Response:
        checks = {"knowledge": "ok"}  # without it there would be no application
        if store is not None:
            checks["store"] = "ok" if store() else UNREACHABLE
        if tokens is not None:
            checks["tokens"] = "ok" if tokens() else UNREACHABLE
        if sources:
            had = sum(source.is_ready() for source in sources)
            checks["keys"] = "ok" if had == len(sources) else f"{had} of {len(sources)} key sets"
        # One client's keys that are gone are that client's trouble; with none at all nobody can be served.
        lost = UNREACHABLE in checks.values() or checks.get("keys", "").startswith("0 of")
        return _say(503 if lost else 200, {"status": "not ready" if lost else "ready", "checks": checks})

    app.add_url_rule("/healthz", "healthz", alive, methods=["GET"], provide_automatic_options=False)
    app.add_url_rule("/readyz", "readyz", ready, methods=["GET"], provide_automatic_options=False)


def _say(status: int, told: object) -> Response:
    body = msgspec.json.encode(told)
    return Response(body, status=status, mimetype="application/json", headers={"Cache-Control": "no-store"})
