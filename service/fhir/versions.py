"""Each resource once: a repeated one changes nothing, and of two versions the later stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec

from service.fhir.decoding import decode_meta
from service.fhir.pages import UNFIT, Broken, Item, Other
from service.fhir.shapes import Meta, Readable

_Version = tuple[float, int]
_RESOURCE, _ID = attrgetter("resource"), attrgetter("id")
_KINDS: dict[str, type[Readable]] = {kind.__name__: kind for kind in Readable.__args__}


class Current(NamedTuple):
    """Each resource once: by its kind and id, or with its name where it has no id or could not be read.

    `copies` are the other versions of what came more than once.
    """

    kinds: dict[type[Readable | Broken | Other], dict[str, Item]]
    rest: list[tuple[str, Item]]
    copies: list[Item]

    def of(self, kind: type[Readable]) -> Iterator[tuple[str, Item]]:
        """Yield the resources of a kind, each with its name."""
        for key, item in self.kinds[kind].items():
            yield f"{kind.__name__}/{key}", item
        for name, item in self.rest:
            if type(item.resource) is kind:
                yield name, item


def latest(items: Iterable[Item]) -> Current:
    """Return each resource once, in an order that its content alone decides where names are missing."""
    current = Current({kind: {} for kind in _KINDS.values()}, [], [])
    nameless: list[Item] = []
    items = tuple(items)
    read = 0
    for kind, run in groupby(map(_RESOURCE, items), type):
        same, found = current.kinds.get(kind), [*run]
        some = items[read : (read := read + len(found))]
        if same is None:
            nameless += some
            continue
        named = dict(zip(map(_ID, found), some, strict=True))
        if len(named) == len(some) and all(named) and same.keys().isdisjoint(named):
            same.update(named)
            continue
        # Only what comes twice, or without a name, is looked at one by one.
        for item in some:
            name = _ID(item.resource)
            if name:
                _keep(same, name, item, current.copies)
            else:
                nameless.append(item)
    if nameless:
        current.rest.extend(_rest(nameless, current))
    return current


def _keep(known: dict[str, Item], name: str, item: Item, copies: list[Item]) -> None:
    """Keep the later of two versions."""
    kept = known.setdefault(name, item)
    if kept is not item:
        later = _later(item.resource, kept.resource)
        known[name] = item if later else kept
        copies.append(kept if later else item)


def _rest(items: Iterable[Item], current: Current) -> Iterator[tuple[str, Item]]:
    """Yield what has no id, and what could not be read, each with its name."""
    urls: dict[str, Item] = {}
    nameless: dict[bytes, tuple[str, Item]] = {}
    others: dict[Broken | Other, tuple[str, Item]] = {}
    for item in items:
        resource = item.resource
        if type(resource) is Broken or type(resource) is Other:
            others[resource] = (name_of(item), item)
            continue
        name = name_of(item)
        kind, _, key = name.partition("/")
        if key and kind == type(resource).__name__:
            _keep(current.kinds[type(resource)], key, item, current.copies)
        elif "/" in name or ":" in name:
            _keep(urls, name, item, current.copies)
        else:
            nameless[_content(resource)] = (name, item)
    for broken, (name, _) in list(others.items()):
        if isinstance(broken, Other):
            continue
        kind, _, key = name.partition("/")
        same, key = (current.kinds[_KINDS[kind]], key) if kind in _KINDS else (urls, name)
        rival = same.get(key)
        if rival is None:
            continue
        # A version that cannot be read still says that the one before it no longer holds.
        if _version(broken) > _version(rival.resource):
            del same[key]
        elif _version(broken) < _version(rival.resource):
            del others[broken]
    yield from urls.items()
    yield from (nameless[key] for key in sorted(nameless))
    yield from others.values()


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
