"""`/openapi.json`: everything that is offered over HTTP, made once at start."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec
from flask import Flask, Response

from cds_hooks.openapi import document
from cds_hooks.registry import Registry
from service.backend.access import JWKS
from service.settings import Settings

_STATUS = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
_KEYS = {"type": "object", "properties": {"keys": {"type": "array"}}, "required": ["keys"]}
_CHECKS = {"type": "object", "additionalProperties": {"type": "string"}}
_READY = {
    "type": "object",
    "properties": {"status": {"enum": ["ready", "not ready"]}, "checks": _CHECKS},
    "required": ["status", "checks"],
}


def add_openapi(app: Flask, registry: Registry, settings: Settings, *, limited: bool, takes_feedback: bool) -> None:
    """Add the document of a registry's services and of the endpoints beside them."""
    told = document(
        registry,
        title="b12-cds",
        version=version("b12-cds"),
        servers=settings.base_urls,
        authenticated=settings.authentication == "required",
        limited=limited,
        takes_feedback=takes_feedback,
    )
    told["paths"] |= {
        "/healthz": _plain("healthz", "The process is alive", {"200": _STATUS}),
        "/readyz": _plain("readyz", "It can answer", {"200": _READY, "503": _READY}),
        "/openapi.json": _plain("openapi", "This document", {"200": {"type": "object"}}),
    }
    if settings.backend_services is not None:
        told["paths"][JWKS] = _plain("jwks", "Our public keys", {"200": _KEYS})
    body = msgspec.json.encode(told)

    def told_again() -> Response:
        return Response(body, mimetype="application/json")

    app.add_url_rule("/openapi.json", "openapi", told_again, methods=["GET"], provide_automatic_options=False)


def _plain(name: str, title: str, schemas: dict[str, Any]) -> dict[str, Any]:
    answers = {
        status: {"description": title, "content": {"application/json": {"schema": schema}}}
        for status, schema in schemas.items()
    }
    alone = {status: {"description": title} for status in schemas}
    return {
        "get": {"operationId": name, "summary": title, "responses": answers},
        "head": {"operationId": f"{name}.head", "responses": alone},
    }
