"""HL7's invariants for requests and responses, checked on the JSON that travels, whatever it is made of.

A breach bears HL7's own id (`cds-resp-3`) where there is one, else the row of the project's checklist (`F2`), and
the path of the element. Nothing here is needed to answer a call: tests, the blueprint's debug mode and the
conformance check use it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cds_hooks.wire import (
    ActionType,
    FhirAuthorization,
    HookRequest,
    Indicator,
    LinkType,
    Response,
    SelectionBehavior,
)

RELATIVE_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]+")
SUMMARY_LIMIT = 140
"""A summary stays below this many characters."""

_MAY_BE_EMPTY = frozenset({"cards", "services", "feedback"})
_OBJECT: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One rule that one element breaks, `path` as in `cards[0].summary`."""

    rule: str
    path: str


def check_response(response: Response | Mapping[str, Any]) -> tuple[str, ...]:
    """List the ids a response violates, sorted, each once: cds-resp-1..7 and sections A, E, F, G and I."""
    sent = msgspec.json.decode(msgspec.json.encode(response))

    return tuple(sorted({breach.rule for breach in (*breaches(sent), *emptiness(sent))}))


def check_request(request: HookRequest) -> tuple[str, ...]:
    """List the invariants a request violates: cds-r-1, and cds-r-2 which HL7's text makes a SHOULD."""
    authorization = request.fhirAuthorization
    if authorization is None:
        return ()
    broken = [] if request.fhirServer else ["cds-r-1"]
    if _names_no_patient(authorization):
        broken.append("cds-r-2")
    return tuple(broken)


def _names_no_patient(authorization: FhirAuthorization) -> bool:
    return authorization.patient is None and any(scope.startswith("patient/") for scope in authorization.scope.split())


def breaches(sent: Any) -> Iterator[Breach]:
    """Yield what a decoded response breaks, but for emptiness; no type of any element is taken for granted."""
    if not isinstance(sent, dict) or not isinstance(sent.get("cards"), list):
        yield Breach("E1", "cards")
    body = _object(sent)
    cards = _items(body, "cards")
    uuids: set[str] = set()
    for path, part in _bearers_of_uuids(cards):
        if isinstance(part["uuid"], str) and part["uuid"] not in uuids:
            uuids.add(part["uuid"])
        else:
            yield Breach("F1", f"{path}.uuid")
    yield from _extension(body, "")
    for path, card in cards:
        yield from _of_card(card, path) if isinstance(card, dict) else [Breach("E1", path)]
    if not isinstance(body.get("systemActions", []), list):
        yield Breach("E2", "systemActions")
    for path, action in _items(body, "systemActions"):
        if not _is_text(_object(action).get("description")):
            yield Breach("G1", f"{path}.description")
        yield from _of_action(_object(action), path)


def emptiness(sent: Any, path: str = "") -> Iterator[Breach]:
    """Yield each `null`, empty string, list or object of a decoded body but those the specification asks for (A3)."""
    name = path.rpartition(".")[2]
    if isinstance(sent, dict) and (sent or not path):
        for key, part in sent.items():
            yield from emptiness(part, _join(path, key))
    elif isinstance(sent, list) and (sent or name in _MAY_BE_EMPTY):
        for number, part in enumerate(sent):
            yield from emptiness(part, f"{path}[{number}]")
    elif sent is None or sent in ("", [], {}):
        yield Breach("A3", path)


def _of_card(card: dict[str, Any], path: str) -> Iterator[Breach]:
    summary = card.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary) < SUMMARY_LIMIT:
        yield Breach("F2", f"{path}.summary")
    if not isinstance(card.get("detail", ""), str | None):
        yield Breach("F3", f"{path}.detail")
    if card.get("indicator") not in list(Indicator):
        yield Breach("F4", f"{path}.indicator")
    yield from _of_source(card.get("source"), f"{path}.source")
    suggestions = list(_items(card, "suggestions", path))
    behavior = card.get("selectionBehavior")
    if suggestions and behavior is None:
        yield Breach("cds-resp-6", f"{path}.selectionBehavior")
    if behavior is not None and behavior not in list(SelectionBehavior):
        yield Breach("F7", f"{path}.selectionBehavior")
    recommended = sum(_object(suggestion).get("isRecommended") is True for _, suggestion in suggestions)
    if behavior == SelectionBehavior.AT_MOST_ONE and recommended > 1:
        yield Breach("cds-resp-1", f"{path}.suggestions")
    for name, rule in (("suggestions", "F6"), ("links", "F10"), ("overrideReasons", "F8")):
        if not isinstance(card.get(name, []), list | None):
            yield Breach(rule, f"{path}.{name}")
    for where, suggestion in suggestions:
        yield from _of_suggestion(_object(suggestion), where)
    for where, link in _items(card, "links", path):
        yield from _of_link(_object(link), where)
    for where, reason in _items(card, "overrideReasons", path):
        if not _is_text(_object(reason).get("display")):
            yield Breach("cds-resp-4", f"{where}.display")
        yield from _of_coding(reason, where)
    yield from _extension(card, path)


def _of_source(source: Any, path: str) -> Iterator[Breach]:
    if not isinstance(source, dict):
        yield Breach("F5", path)
        return
    if not _is_text(source.get("label")):
        yield Breach("F11", f"{path}.label")
    for name, rule in (("url", "F12"), ("icon", "F13")):
        if source.get(name) and not _is_absolute(source[name]):
            yield Breach(rule, f"{path}.{name}")
    if source.get("topic") is not None:
        yield from _of_coding(source["topic"], f"{path}.topic")
    yield from _extension(source, path)


def _of_coding(coding: Any, path: str) -> Iterator[Breach]:
    if not _is_text(_object(coding).get("code")) or not _is_text(_object(coding).get("system")):
        yield Breach("F28", path)


def _of_suggestion(suggestion: Mapping[str, Any], path: str) -> Iterator[Breach]:
    if not _is_text(suggestion.get("label")):
        yield Breach("F15", f"{path}.label")
    if not isinstance(suggestion.get("isRecommended", False), bool):
        yield Breach("F17", f"{path}.isRecommended")
    if suggestion.get("actionSelectionBehavior", "all") not in ("all", "any", "at-most-one"):
        yield Breach("cds-resp-7", f"{path}.actionSelectionBehavior")
    if "actionSelectionBehavior" in suggestion:
        yield Breach("F19", f"{path}.actionSelectionBehavior")
    if not isinstance(suggestion.get("actions", []), list | None):
        yield Breach("F18", f"{path}.actions")
    seen: dict[str, str] = {}
    for where, action in _items(suggestion, "actions", path):
        if not _is_text(_object(action).get("description")):
            yield Breach("cds-resp-5", f"{where}.description")
        yield from _of_action(_object(action), where)
        # All actions of a suggestion are taken together: one that undoes another cannot be.
        target, kind = _target(_object(action)), str(_object(action).get("type"))
        if target and seen.setdefault(target, kind) != kind:
            yield Breach("F18", where)
    yield from _extension(suggestion, path)


def _target(action: Mapping[str, Any]) -> str:
    """The resource on the server that an action changes, or nothing."""
    resource = _object(action.get("resource"))
    if action.get("type") == ActionType.UPDATE:
        return f"{resource.get('resourceType')}/{resource.get('id')}"
    return str(action.get("resourceId", "")) if action.get("type") == ActionType.DELETE else ""


def _of_action(action: Mapping[str, Any], path: str) -> Iterator[Breach]:
    kind = action.get("type")
    if kind not in list(ActionType):
        yield Breach("F20", f"{path}.type")
    if kind == ActionType.DELETE:
        named = action.get("resourceId")
        if not isinstance(named, str) or not RELATIVE_REFERENCE.fullmatch(named) or "resource" in action:
            yield Breach("cds-resp-2", path)
    else:
        yield from _of_resource(action.get("resource"), kind == ActionType.UPDATE, f"{path}.resource")
    yield from _extension(action, path)


def _of_resource(resource: Any, must_exist: bool, path: str) -> Iterator[Breach]:
    """FHIR's JSON gives a resource as an object and an id as a plain string; an update names what it updates."""
    if (isinstance(resource, str) and resource) or not isinstance(_object(resource).get("id", ""), str):
        yield Breach("A5", path)
        return
    kind = _object(resource).get("resourceType")
    if not isinstance(kind, str) or not RESOURCE_TYPE.fullmatch(kind) or (must_exist and not resource.get("id")):
        yield Breach("F22", path)


def _of_link(link: Mapping[str, Any], path: str) -> Iterator[Breach]:
    if not _is_text(link.get("label")) or not _is_text(link.get("url")) or link.get("type") not in list(LinkType):
        yield Breach("F24", path)
    if "appContext" in link and link.get("type") != LinkType.SMART:
        yield Breach("cds-resp-3", f"{path}.appContext")
    if not isinstance(link.get("autolaunchable", False), bool):
        yield Breach("F26", f"{path}.autolaunchable")
    yield from _extension(link, path)


def _extension(element: Mapping[str, Any], path: str) -> Iterator[Breach]:
    extension = element.get("extension", {})
    if not isinstance(extension, dict | None):
        yield Breach("I1", _join(path, "extension"))


def _bearers_of_uuids(cards: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for path, card in cards:
        for where, part in ((path, card), *_items(_object(card), "suggestions", path)):
            if _object(part).get("uuid") is not None:
                yield where, part


def _items(element: Mapping[str, Any], name: str, path: str = "") -> list[tuple[str, Any]]:
    value = element.get(name)
    parts = value if isinstance(value, list) else []
    return [(f"{_join(path, name)}[{number}]", part) for number, part in enumerate(parts)]


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _OBJECT


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_absolute(value: Any) -> bool:
    return isinstance(value, str) and bool(urlsplit(value).scheme) and bool(urlsplit(value).netloc)
