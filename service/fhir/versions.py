"""Each resource once: a repeated one changes nothing, and of two versions the later stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from service.fhir.decoding import decode_meta
from service.fhir.pages import UNFIT, Broken, Item, Other
from service.fhir.shapes import Meta, Readable

_Version = tuple[float, int]
_PREFIX = {kind: f"{kind.__name__}/" for kind in Readable.__args__}


def latest(items: Iterable[Item]) -> list[tuple[str, Item]]:
    """Return each resource once with its name, in an order that its content alone decides where names are missing."""
    named: dict[str, Item] = {}
    nameless: dict[bytes, tuple[str, Item]] = {}
    others: dict[Broken | Other, tuple[str, Item]] = {}
    for item in items:
        resource = item.resource
        if type(resource) is Broken or type(resource) is Other:
            others[resource] = (name_of(item), item)
            continue
        if resource.id:
            name = _PREFIX[type(resource)] + resource.id
        else:
            name = item.full_url or type(resource).__name__
            if not ("/" in name or ":" in name):
                nameless[_content(resource)] = (name, item)
                continue
        known = named.setdefault(name, item)
        if known is not item and _later(resource, known.resource):
            named[name] = item
    if not nameless and not others:
        return list(named.items())
    for broken, (name, _) in list(others.items()):
        rival = named.get(name)
        if rival is None or isinstance(broken, Other):
            continue
        # A version that cannot be read still says that the one before it no longer holds.
        if _version(broken) > _version(rival.resource):
            del named[name]
        elif _version(broken) < _version(rival.resource):
            del others[broken]
    return [*named.items(), *(nameless[key] for key in sorted(nameless)), *others.values()]


def name_of(item: Item) -> str:
    """Return `Type/id`, or what else a resource is known by."""
    resource = item.resource
    if type(resource) is Broken:
        return resource.resource
    if type(resource) is Other:
        return resource.kind
    kind = type(resource).__name__
    return f"{kind}/{resource.id}" if resource.id else item.full_url or kind


def _later(one: Readable | Broken | Other, other: Readable | Broken | Other) -> bool:
    """Return whether one version is later; of two that do not say, their content decides, never their order."""
    mine, its = _version(one), _version(other)
    return mine > its if mine != its else _content(one) > _content(other)


def _content(resource: Readable | Broken | Other) -> bytes:
    return msgspec.json.encode(resource)


def _version(resource: Readable | Broken | Other) -> _Version:
    if isinstance(resource, Other):
        return (0.0, 0)
    if isinstance(resource, Broken):
        updated, version = resource.updated, resource.version
    else:
        meta = _meta(resource.meta)
        updated, version = meta.lastUpdated, meta.versionId
    number = int(version) if version and version.isascii() and version.isdigit() and len(version) < 19 else 0
    return (_seconds(updated), number)


def _meta(raw: msgspec.Raw) -> Meta:
    """Return a resource's meta, an empty one when it cannot be read: it says nothing of the patient."""
    try:
        return (decode_meta.decode(raw) if bytes(raw) else None) or Meta()
    except UNFIT:
        return Meta()


def _seconds(instant: str | None) -> float:
    try:
        read = datetime.fromisoformat(instant or "")
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
