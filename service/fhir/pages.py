"""From JSON to typed resources: all at once when they are well, one at a time when one is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from service.fhir import shapes
from service.fhir.shapes import Bundle, Head, OperationOutcome, Readable

_READ = frozenset(kind.__struct_config__.tag for kind in Readable.__args__)


@dataclass(frozen=True, slots=True)
class Broken:
    """A resource of a kind that is read, which could not be: where, why, and its codes as far as they can be told."""

    kind: str
    resource: str
    why: str
    codes: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class Other:
    """A resource of a kind that is not read, and whose it is."""

    kind: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One resource, and the name others in its Bundle know it by."""

    resource: Readable | Broken | Other
    full_url: str | None = None
    page: bytes | msgspec.Raw = b""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one answer held: resources, where the next page is, and what failed."""

    items: tuple[Item, ...]
    next: str | None = None
    failure: str | None = None


class NotFhir(ValueError):
    """The JSON is no FHIR resource at all."""


def sheet(raw: bytes | msgspec.Raw) -> Sheet:
    """Return the resources in a resource or Bundle; raises NotFhir when it is neither."""
    try:
        found = shapes.decode_any.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        return _one_at_a_time(raw)
    if isinstance(found, Bundle):
        items = tuple(Item(entry.resource, entry.fullUrl, raw) for entry in found.entry if entry.resource is not None)
        return _sheet(items, found.link)
    if isinstance(found, OperationOutcome):
        return Sheet((), failure=_complaint(found))
    return Sheet((Item(found, None, raw),))


def _one_at_a_time(raw: bytes | msgspec.Raw) -> Sheet:
    try:
        head = shapes.decode_head.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise NotFhir(_words(error)) from error
    if head.resourceType != "Bundle":
        return Sheet((Item(_one(raw, None), None, raw),))
    try:
        bundle = shapes.decode_raw_bundle.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise NotFhir(_words(error)) from error
    items = tuple(
        Item(_one(entry.resource, entry.fullUrl), entry.fullUrl, raw)
        for entry in bundle.entry
        if entry.resource is not shapes.NOTHING
    )
    return _sheet(items, bundle.link)


def _sheet(items: tuple[Item, ...], links: tuple[shapes.Link, ...]) -> Sheet:
    following = next((link.url for link in links if link.relation == "next" and link.url), None)
    for item in items:
        if isinstance(item.resource, OperationOutcome) and item.resource.failed:
            return Sheet(items, following, _complaint(item.resource))
    return Sheet(items, following)


def _complaint(outcome: OperationOutcome) -> str:
    codes = ", ".join(sorted({issue.code for issue in outcome.issue if issue.code}))
    return f"the server answered with an OperationOutcome ({codes or 'no code'})"


def _one(raw: bytes | msgspec.Raw, full_url: str | None) -> Readable | Broken | Other:
    try:
        found: Readable = shapes.decode_one.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        return _not_readable(raw, full_url, _words(error))
    return found


def _not_readable(raw: bytes | msgspec.Raw, full_url: str | None, why: str) -> Broken | Other:
    head: Head | None
    try:
        head = shapes.decode_head.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        head = None
    if head is not None and head.resourceType not in _READ:
        owner = head.subject or head.patient
        return Other(head.resourceType, owner.reference if owner else None)
    try:
        tree = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        tree = None
    kind = tree.get("resourceType") if isinstance(tree, dict) else None
    if isinstance(kind, str) and kind not in _READ:
        return Other(kind, None)
    name = tree.get("id") if isinstance(tree, dict) else None
    kind = kind if isinstance(kind, str) else "resource"
    place = f"{kind}/{name}" if isinstance(name, str) else full_url or kind
    return Broken(kind, place, why, _codes(tree))


def _codes(tree: Any) -> tuple[tuple[str, str], ...] | None:
    """Return the codes of a resource that does not fit its shape, or None when even they cannot be told."""
    if not isinstance(tree, dict):
        return None
    concept = tree.get("code") or tree.get("medicationCodeableConcept")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(codings, list):
        return None
    pairs = [(c.get("system"), c.get("code")) for c in codings if isinstance(c, dict)]
    return tuple((s, c) for s, c in pairs if isinstance(s, str) and isinstance(c, str))


def _words(error: Exception) -> str:
    """Return why decoding failed without repeating any value: the element and the type that was expected."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = str(error)
    expected, _, place = text.partition(" - at ")
    if "Invalid value" in expected or "Invalid enum" in expected:
        expected = "a value that is not allowed"
    return f"{expected}, at {place.strip('`').removeprefix('$.')}" if place else expected


def original(items: Iterable[Item], name: str) -> dict[str, Any] | None:
    """Return a resource whole, as it was sent, by its `Type/id`; only updates need it, so it is decoded on demand."""
    for page in {id(item.page): item.page for item in items}.values():
        tree = msgspec.json.decode(page) if len(bytes(page)) else {}
        entries = tree.get("entry") or [{"resource": tree}]
        for entry in entries:
            resource = entry.get("resource") or {}
            if f"{resource.get('resourceType')}/{resource.get('id')}" == name:
                return dict(resource)
    return None
