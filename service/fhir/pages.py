"""From JSON to typed resources: all at once when they are well, one at a time when one is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Any, final

import msgspec

from service.fhir import decoding
from service.fhir.decoding import Bundle, Link
from service.fhir.shapes import NOTHING, OperationOutcome, Readable

_READ = frozenset(kind.__struct_config__.tag for kind in Readable.__args__)
_RESOURCE, _URL = attrgetter("resource"), attrgetter("fullUrl")
#: What decoding raises for what is not JSON, or not of the shape.
UNFIT = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


@final
@dataclass(frozen=True, slots=True)
class Broken:
    """A resource of a kind that is read, which could not be: what can still be told of it, and why it could not."""

    kind: str
    resource: str
    why: str
    codes: tuple[tuple[str, str], ...] | None = None
    words: str = ""
    owner: str | None = None
    status: str | None = None
    taken: str | None = None
    updated: str | None = None
    version: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Other:
    """A resource of a kind that is not read, and whose it is."""

    kind: str
    owners: tuple[str, ...]


class Item(msgspec.Struct, frozen=True, gc=False):
    """One resource, and the name others in its Bundle know it by."""

    resource: Readable | Broken | Other
    full_url: str | None = None
    page: bytes | msgspec.Raw = b""


class Sheet(msgspec.Struct, frozen=True, gc=False):
    """What one answer held: what kind of answer it was, resources, where the next page is, and what failed."""

    kind: str
    items: tuple[Item, ...]
    next: str | None = None
    failure: str | None = None


class NotFhir(ValueError):
    """The JSON is no FHIR resource at all."""


def sheet(raw: bytes | msgspec.Raw) -> Sheet:
    """Return the resources in a resource or Bundle; raises NotFhir when it is neither."""
    try:
        found = decoding.decode_any.decode(raw)
    except UNFIT:
        return _one_at_a_time(raw)
    return sheet_of(found, raw)


def sheet_of(found: Readable | Bundle, page: bytes | msgspec.Raw) -> Sheet:
    """Return the resources in a resource or Bundle that was decoded from a page, or from a request full of pages."""
    if isinstance(found, Bundle):
        entries, resources = found.entry, [*map(_RESOURCE, found.entry)]
        if None in resources:
            entries = tuple(entry for entry in entries if entry.resource is not None)
            resources = [*map(_RESOURCE, entries)]
        items = tuple(map(Item, resources, map(_URL, entries), repeat(page)))
        return _sheet(items, found.link, told=OperationOutcome in {*map(type, resources)})
    if isinstance(found, OperationOutcome):
        return Sheet("OperationOutcome", (), failure=_complaint(found))
    return Sheet(type(found).__name__, (Item(found, None, page),))


def _one_at_a_time(raw: bytes | msgspec.Raw) -> Sheet:
    try:
        kind = decoding.decode_kind.decode(raw).resourceType
        bundle = decoding.decode_raw_bundle.decode(raw) if kind == "Bundle" else None
    except UNFIT as error:
        raise NotFhir(_words(error)) from error
    if bundle is None:
        found = _one(raw, None)
        if isinstance(found, Broken) and kind == "OperationOutcome":
            return Sheet(kind, (), failure=_complaint(OperationOutcome()))
        return Sheet(kind, (Item(found, None, raw),))
    items = tuple(item for entry in bundle.entry if (item := _item(entry, raw)) is not None)
    if bundle.link is NOTHING:
        return _sheet(items, ())
    try:
        return _sheet(items, decoding.decode_links.decode(bundle.link))
    except UNFIT:
        return Sheet("Bundle", items, failure="whether there are more pages cannot be read")


def _item(entry: msgspec.Raw, page: bytes | msgspec.Raw) -> Item | None:
    """Return what one entry of a Bundle holds, if anything."""
    try:
        found = decoding.decode_raw_entry.decode(entry)
    except UNFIT as error:
        return Item(Broken("entry", "entry", _words(error)), None, page)
    if found.resource is NOTHING or bytes(found.resource) == b"null":
        return None
    full_url = found.fullUrl if isinstance(found.fullUrl, str) else None
    return Item(_one(found.resource, full_url), full_url, page)


def _sheet(items: tuple[Item, ...], links: tuple[Link, ...], *, told: bool = True) -> Sheet:
    """Return the sheet of a Bundle, which may have `told` in an OperationOutcome that something failed."""
    following = next((link.url for link in links if link.relation == "next" and link.url), None)
    if not told:
        return Sheet("Bundle", items, following)
    outcomes = [item.resource for item in items if type(item.resource) is OperationOutcome]
    failed = next((outcome for outcome in outcomes if outcome.failed), None)
    return Sheet("Bundle", items, following, _complaint(failed) if failed else None)


def _complaint(outcome: OperationOutcome) -> str:
    codes = ", ".join(sorted({issue.code for issue in outcome.issue if issue.code}))
    return f"the server answered with an OperationOutcome ({codes or 'no code'})"


def _one(raw: bytes | msgspec.Raw, full_url: str | None) -> Readable | Broken | Other:
    try:
        found: Readable = decoding.decode_one.decode(raw)
    except UNFIT as error:
        return _not_readable(raw, full_url, _words(error))
    return found


def _not_readable(raw: bytes | msgspec.Raw, full_url: str | None, why: str) -> Broken | Other:
    try:
        kind = decoding.decode_kind.decode(raw).resourceType
    except UNFIT:
        kind = "resource"
    if kind not in (*_READ, "resource"):
        return Other(kind, _owners(raw))
    try:
        tree = msgspec.json.decode(raw)
    except UNFIT:
        tree = None
    return _broken(kind, tree, full_url, why) if isinstance(tree, dict) else Broken(kind, full_url or kind, why)


def _broken(kind: str, tree: dict[str, Any], full_url: str | None, why: str) -> Broken:
    name, subject, meta = tree.get("id"), tree.get("subject") or tree.get("patient"), tree.get("meta")
    return Broken(
        kind=kind,
        resource=f"{kind}/{name}" if isinstance(name, str) else full_url or kind,
        why=why,
        codes=_codes_in(tree) if _codes_told(tree) else None,
        words=" ".join(texts_in(tree)).lower(),
        owner=_text(subject, "reference"),
        status=_text(tree, "status"),
        taken=_text(tree, "effectiveDateTime") or _text(tree, "issued"),
        updated=_text(meta, "lastUpdated"),
        version=_text(meta, "versionId"),
    )


def _owners(raw: bytes | msgspec.Raw) -> tuple[str, ...]:
    try:
        head = decoding.decode_head.decode(raw)
    except UNFIT:
        return ()
    subjects = head.subject if isinstance(head.subject, tuple) else (head.subject,)
    named = (*subjects, head.patient, head.beneficiary, head.for_)
    return tuple(owner.reference for owner in named if owner is not None and owner.reference)


def _codes_told(tree: dict[str, Any]) -> bool:
    """Return whether it can be told in codes what a resource that does not fit its shape is about."""
    concept = tree.get("code") or tree.get("medicationCodeableConcept")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return bool(codings) and isinstance(codings, list) and all(_text(coding, "code") for coding in codings)


def _codes_in(tree: Any) -> tuple[tuple[str, str], ...]:
    pairs = ((_text(node, "system"), _text(node, "code")) for node in _nodes(tree))
    return tuple((system, code) for system, code in pairs if system and code)


def texts_in(tree: Any) -> Iterator[str]:
    """Yield every text in a decoded resource."""
    return (node for node in _nodes(tree) if isinstance(node, str))


def _nodes(tree: Any) -> Iterator[Any]:
    """Yield a tree and all below it; a loop, since what comes here may be nested deeply."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, dict | list):
            waiting += node.values() if isinstance(node, dict) else node


def _text(node: Any, name: str) -> str | None:
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, str) else None


def _words(error: Exception) -> str:
    """Return why decoding failed without repeating any value: the element and the type that was expected."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = str(error)
    expected, _, place = text.partition(" - at ")
    if "Invalid value" in expected or "Invalid enum" in expected:
        expected = "a value that is not allowed"
    return f"{expected}, at {place.strip('`').removeprefix('$.')}" if place else expected


def unfit(item: Item, name: str, error: Exception) -> Broken:
    """Return what can be told of a resource of which an element, decoded late, does not fit."""
    kind = type(item.resource).__name__
    found = _tree(item.page, name) if item.page else None
    return _broken(kind, found, item.full_url, _words(error)) if found else Broken(kind, name, _words(error))


def original(items: Iterable[Item], name: str) -> dict[str, Any] | None:
    """Return a resource whole, as it was sent, by its `Type/id`; only updates need it, so it is decoded on demand."""
    pages = {id(item.page): item.page for item in items}.values()
    return next((found for page in pages if (found := _tree(page, name)) is not None), None)


def _tree(page: bytes | msgspec.Raw, name: str) -> dict[str, Any] | None:
    """Return a resource of a page, or of any page of a hook request, by its `Type/id`."""
    tree = msgspec.json.decode(page) if len(bytes(page)) else {}
    pages = tree["prefetch"].values() if isinstance(tree.get("prefetch"), dict) else (tree,)
    for one in pages:
        if not isinstance(one, dict):
            continue
        for entry in one.get("entry") or [{"resource": one}]:
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict) and f"{resource.get('resourceType')}/{resource.get('id')}" == name:
                return resource
    return None
