"""Reading one context by the definition of its hook; fields it does not name are kept and tolerated."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import msgspec

from cds_hooks.errors import InvalidContext, MalformedRequest, Refusal
from cds_hooks.hooks import HOOKS, Shape

FHIR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9\-.]{1,64}")
"""FHIR's id, but not one of dots alone: in a URL that would climb to another path."""
REFERENCE = re.compile(rf"([A-Z][A-Za-z]+)/{FHIR_ID.pattern}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A context that fits its hook.

    `tokens` are the primitives a prefetch template may name; `fields` is everything that was sent, undecoded,
    so that draft orders can be read by whoever knows them.
    """

    patientId: str = field(repr=False)
    userId: str | None = field(default=None, repr=False)
    encounterId: str | None = field(default=None, repr=False)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, msgspec.Raw] = field(default_factory=dict, repr=False)


def read_context(hook: str, raw: msgspec.Raw) -> Context:
    """Read a context by its hook's definition (CDS Hooks: HTTP Request, and the hook library; D7).

    Raises `InvalidContext` (400) naming the element that is missing or has the wrong shape, and
    `MalformedRequest` (400) when the context is not an object.
    """
    sent = _decode(_FIELDS, raw, "context", MalformedRequest)
    tokens: dict[str, str] = {}
    for wanted in HOOKS[hook]:
        element = f"context.{wanted.name}"
        value = sent.get(wanted.name)
        if value is None or bytes(value) == b"null":
            if wanted.required:
                raise InvalidContext(f"{element} is required by {hook}.", element)
            continue
        read = _READ[wanted.shape](value, element, wanted.types)
        if wanted.is_token and read is not None:
            tokens[wanted.name] = read

    return Context(
        patientId=tokens["patientId"],
        userId=tokens.get("userId"),
        encounterId=tokens.get("encounterId"),
        tokens=MappingProxyType(tokens),
        fields=MappingProxyType(sent),
    )


class _Typed(msgspec.Struct):
    resourceType: str


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_STRINGS = msgspec.json.Decoder(list[str])
_RESOURCE = msgspec.json.Decoder(_Typed)
_RESOURCES = msgspec.json.Decoder(list[_Typed])


def _decode(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, element: str, refusal: type[Refusal]) -> T:
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError):
        # Without its cause: msgspec's own words could quote the value.
        raise refusal(f"{element} has the wrong type.", element) from None


def _id(raw: msgspec.Raw, element: str, _types: frozenset[str]) -> str:
    value = _decode(_STRING, raw, element, InvalidContext)
    if not FHIR_ID.fullmatch(value):
        raise InvalidContext(f"{element} must be a FHIR id.", element)
    return value


def _reference(raw: msgspec.Raw, element: str, types: frozenset[str]) -> str:
    return _check_reference(_decode(_STRING, raw, element, InvalidContext), element, types)


def _references(raw: msgspec.Raw, element: str, types: frozenset[str]) -> None:
    for value in _decode(_STRINGS, raw, element, InvalidContext):
        _check_reference(value, element, types)


def _resource(raw: msgspec.Raw, element: str, types: frozenset[str]) -> None:
    _check_type(_decode(_RESOURCE, raw, element, InvalidContext).resourceType, element, types)


def _resources(raw: msgspec.Raw, element: str, types: frozenset[str]) -> None:
    for resource in _decode(_RESOURCES, raw, element, InvalidContext):
        _check_type(resource.resourceType, element, types)


def _check_reference(value: str, element: str, types: frozenset[str]) -> str:
    match = REFERENCE.fullmatch(value)
    if not match:
        raise InvalidContext(f"{element} must be a reference of the form Type/id.", element)
    _check_type(match[1], element, types)
    return value


def _check_type(found: str, element: str, types: frozenset[str]) -> None:
    if types and found not in types:
        raise InvalidContext(f"{element} must be of type {' or '.join(sorted(types))}.", element)


_READ: Mapping[Shape, Callable[[msgspec.Raw, str, frozenset[str]], str | None]] = MappingProxyType(
    {
        Shape.ID: _id,
        Shape.REFERENCE: _reference,
        Shape.REFERENCES: _references,
        Shape.RESOURCE: _resource,
        Shape.RESOURCES: _resources,
    }
)
