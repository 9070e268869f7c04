"""What is offered over HTTP, as an OpenAPI 3.1 document made from the same declarations that serve it."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cds_hooks.errors import (
    ForbiddenServer,
    InternalFault,
    InvalidContext,
    MalformedRequest,
    MissingPrefetch,
    NoFeedback,
    Refusal,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
    WrongHook,
    WrongPatient,
)
from cds_hooks.feedback import MAX_COMMENT, MAX_ID, MAX_ITEMS, Outcome
from cds_hooks.hooks import HOOKS, Field, Shape
from cds_hooks.prefetch import Template
from cds_hooks.registry import Registry, Service
from cds_hooks.wire import Response

Json = dict[str, Any]

_ID = r"^(?!\.+$)[A-Za-z0-9.-]{1,64}$"
_NAME = r"^[^\x00]*[^\s\x00-\x20\x7f-\xa0][^\x00]*$"
"""Something that shows, and nothing that no database can hold."""
_TEXT: Json = {"type": "string", "minLength": 1}
_ALWAYS: tuple[type[Refusal], ...] = (InternalFault,)
_OF_TOKENS: tuple[type[Refusal], ...] = (Unauthorized, Unavailable)
_OF_BODIES: tuple[type[Refusal], ...] = (MalformedRequest, TooLarge, UnsupportedMedia)
_OF_CALLS: tuple[type[Refusal], ...] = (InvalidContext, WrongHook, WrongPatient, ForbiddenServer, MissingPrefetch)


def document(
    registry: Registry,
    *,
    title: str,
    version: str,
    servers: Iterable[str] = (),
    authenticated: bool,
    limited: bool,
    takes_feedback: bool,
) -> Json:
    """Return the document of a registry's endpoints; `paths` and `components` may be added to.

    `authenticated` says whether a JSON Web Token is required, `limited` whether calls are counted.
    """
    known: tuple[type[Refusal], ...] = (
        *_ALWAYS,
        *(_OF_TOKENS if authenticated else ()),
        *((TooMany,) if limited else ()),
    )
    discovery = _operation("Discovery", "discovery", _answer("Discovery"), known, authenticated)
    paths: Json = {
        "/cds-services": {
            "get": discovery,
            "head": _operation(
                "Discovery, without its body", "discoveryHead", {}, known, authenticated, has_body=False
            ),
            "options": _preflight("discovery"),
        }
    }
    for service in registry:
        paths[f"/cds-services/{service.id}"] = _call(service, known, authenticated)
        paths[f"/cds-services/{service.id}/feedback"] = _feedback(service, known, authenticated, takes_feedback)
    components: Json = {"schemas": _schemas(registry)}
    if authenticated:
        components["securitySchemes"] = {"client": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    told: Json = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server} for server in servers],
        "paths": paths,
        "components": components,
    }
    return {name: value for name, value in told.items() if value}


def _call(service: Service, known: Iterable[type[Refusal]], authenticated: bool) -> Json:
    refusals = (*_OF_BODIES, *_OF_CALLS, *known)
    operation = _operation(service.title, service.id, _answer("Response"), refusals, authenticated)
    operation["description"] = service.description
    operation["requestBody"] = _body(f"Request.{service.id}")
    return {"post": operation, "options": _preflight(service.id)}


def _feedback(service: Service, known: Iterable[type[Refusal]], authenticated: bool, taken: bool) -> Json:
    name = f"{service.id}.feedback"
    refusals: tuple[type[Refusal], ...] = (*_OF_BODIES, *known) if taken else (NoFeedback, *known)
    operation = _operation(f"Feedback: {service.title}", name, _answer("Received"), refusals, authenticated)
    if not taken:
        del operation["responses"]["200"]
    operation["requestBody"] = _body("Feedback")
    return {"post": operation, "options": _preflight(name)}


def _operation(
    title: str,
    name: str,
    answer: Json,
    refusals: Iterable[type[Refusal]],
    authenticated: bool,
    *,
    has_body: bool = True,
) -> Json:
    responses: Json = {"200": {"description": "Answered.", **answer}}
    for status in sorted({refusal.status for refusal in refusals}):
        texts = sorted({refusal.text for refusal in refusals if refusal.status == status})
        responses[str(status)] = {"description": " ".join(texts), **(_refused(status) if has_body else {})}
    operation: Json = {"operationId": name, "summary": title, "responses": responses}
    return operation | ({"security": [{"client": []}]} if authenticated else {})


def _refused(status: int) -> Json:
    told = _content("OperationOutcome", "application/fhir+json")
    header = {Unauthorized.status: "WWW-Authenticate", TooMany.status: "Retry-After"}.get(status)
    return told | ({"headers": {header: {"required": True, "schema": {"type": "string"}}}} if header else {})


def _preflight(name: str) -> Json:
    headers = {"Allow": {"required": True, "schema": {"type": "string"}}}
    answer = {"description": "What may be asked here.", "headers": headers}
    return {"operationId": f"{name}.options", "responses": {"204": answer}}


def _answer(schema: str) -> Json:
    return _content(schema, "application/json")


def _content(schema: str, media: str) -> Json:
    return {"content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _body(schema: str) -> Json:
    return {"required": True, **_content(schema, "application/json")}


def _schemas(registry: Registry) -> Json:
    (top,), structs = msgspec.json.schema_components([Response], ref_template="#/components/schemas/{name}")
    assert top == {"$ref": "#/components/schemas/Response"}
    schemas: Json = {name: _without_null(schema) for name, schema in structs.items()}
    schemas |= {
        "Discovery": _object({"services": {"type": "array", "items": _ref("Service")}}),
        "Service": _service(),
        "FhirAuthorization": _authorization(),
        "Feedback": _feedback_body(),
        "Received": _object({"received": {"type": "integer", "minimum": 0}}),
        "OperationOutcome": _operation_outcome(),
    }
    return schemas | {f"Request.{service.id}": _request(service) for service in registry}


def _without_null(schema: Any) -> Any:
    """Return the schema of an element that leaves out what has no value (A3, A4)."""
    if isinstance(schema, list):
        return [_without_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _without_null(part) for name, part in schema.items() if name not in ("default", "title")}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if "anyOf" in kept and len(choices) == 1:
        del kept["anyOf"]
        kept |= choices[0]
    elif "anyOf" in kept:
        kept["anyOf"] = choices
    return kept


def _ref(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(required: Mapping[str, Json], **optional: Json) -> Json:
    told: Json = {"type": "object", "properties": {**required, **optional}}
    return told | ({"required": list(required)} if required else {})


def _service() -> Json:
    return _object(
        {"hook": {"enum": sorted(HOOKS)}, "title": _TEXT, "description": _TEXT, "id": _TEXT, "version": _TEXT},
        prefetch={"type": "object", "additionalProperties": _TEXT},
        usageRequirements=_TEXT,
        extension={"type": "object"},
    )


def _request(service: Service) -> Json:
    fields = HOOKS[service.hook]
    context = _object(
        {field.name: _shape(field) for field in fields if field.required},
        **{field.name: _or_null(_shape(field)) for field in fields if not field.required},
    )
    whole = _object(
        {"hook": {"const": service.hook}, "hookInstance": {"type": "string", "format": "uuid"}, "context": context},
        fhirServer=_or_null({"type": "string", "format": "uri"}),
        fhirAuthorization=_or_null(_ref("FhirAuthorization")),
        prefetch=_or_null({"type": "object", "properties": {t.key: _sent(t) for t in service.prefetch}}),
        extension=_or_null({"type": "object"}),
    )
    return whole | {"dependentRequired": {"fhirAuthorization": ["fhirServer"]}}


def _sent(template: Template) -> Json:
    kinds = ["Bundle", "OperationOutcome"] if template.is_search else [str(template.read_type), "OperationOutcome"]
    return _or_null(_object({"resourceType": {"enum": kinds}}))


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _shape(field: Field) -> Json:
    types = "|".join(sorted(field.types)) or "[A-Z][A-Za-z]+"
    reference = {"type": "string", "pattern": rf"^({types})/(?!\.+$)[A-Za-z0-9.-]{{1,64}}$"}
    resource = _object({"resourceType": {"enum": sorted(field.types)} if field.types else _TEXT})
    shapes: dict[Shape, Json] = {
        Shape.ID: {"type": "string", "pattern": _ID},
        Shape.REFERENCE: reference,
        Shape.REFERENCES: {"type": "array", "items": reference},
        Shape.RESOURCE: resource,
        Shape.RESOURCES: {"type": "array", "items": resource},
    }
    return shapes[field.shape]


def _authorization() -> Json:
    return _object(
        {
            "access_token": {"type": "string", "pattern": r"^[\x21-\x7e]+$"},
            "token_type": {"type": "string", "pattern": "^[Bb][Ee][Aa][Rr][Ee][Rr]$"},
            "expires_in": {"type": "integer"},
            "scope": {"type": "string"},
            "subject": {"type": "string"},
        },
        patient=_or_null({"type": "string"}),
    )


def _feedback_body() -> Json:
    name = {"type": "string", "pattern": _NAME, "maxLength": MAX_ID}
    comment = {"type": "string", "maxLength": MAX_COMMENT}
    reason = _object({"code": name, "system": name}, display={"type": "string"})
    override = _object({}, reason=reason, userComment=comment) | {
        "anyOf": [{"required": ["reason"]}, {"required": ["userComment"]}]
    }
    item = _object(
        {
            "card": name,
            "outcome": {"enum": sorted(Outcome)},
            "outcomeTimestamp": {"type": "string", "format": "date-time"},
        },
        acceptedSuggestions={"type": "array", "minItems": 1, "items": _object({"id": name})},
        overrideReason=override,
    ) | {
        "if": {"properties": {"outcome": {"const": "accepted"}}},
        "then": {"required": ["acceptedSuggestions"]},
    }
    return _object({"feedback": {"type": "array", "maxItems": MAX_ITEMS, "items": item}})


def _operation_outcome() -> Json:
    issue = _object(
        {"severity": {"const": "error"}, "code": _TEXT, "details": _object({"text": _TEXT}), "diagnostics": _TEXT},
        expression={"type": "array", "minItems": 1, "items": _TEXT},
    )
    return _object(
        {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1, "items": issue}}
    )
