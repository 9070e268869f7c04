"""HL7's invariants for requests and responses, checked on the JSON that travels.

Each function yields the ids of the rules that are broken: HL7's own (`cds-resp-3`) where there is one, else
the row of the project's checklist (`F2`). Nothing here is needed to answer a call; tests and the blueprint's
debug mode use it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

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
SUMMARY_LIMIT = 140
"""A summary stays below this many characters."""

_MAY_BE_EMPTY = frozenset({"cards", "services", "feedback"})


def check_response(response: Response | Mapping[str, Any]) -> tuple[str, ...]:
    """List the ids a response violates, sorted, each once: cds-resp-1..7 and sections A, E and F."""
    sent = msgspec.json.decode(msgspec.json.encode(response))

    return tuple(sorted(set(_of_response(sent))))


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


def _of_response(sent: dict[str, Any]) -> Iterator[str]:
    if _has_emptiness(sent):
        yield "A3"
    cards = sent.get("cards")
    if not isinstance(cards, list):
        yield "E1"
        cards = []
    uuids = [part["uuid"] for card in cards for part in (card, *card.get("suggestions", ())) if "uuid" in part]
    if len(uuids) != len(set(uuids)):
        yield "F1"
    for card in cards:
        yield from _of_card(card)
    for action in sent.get("systemActions", ()):
        yield from _of_action(action)


def _of_card(card: dict[str, Any]) -> Iterator[str]:
    if not 0 < len(card.get("summary", "")) < SUMMARY_LIMIT:
        yield "F2"
    if card.get("indicator") not in set(Indicator):
        yield "F4"
    source = card.get("source", {})
    if not source.get("label"):
        yield "F11"
    suggestions = card.get("suggestions", ())
    behavior = card.get("selectionBehavior")
    if suggestions and behavior is None:
        yield "cds-resp-6"
    if behavior is not None and behavior not in set(SelectionBehavior):
        yield "F7"
    recommended = sum(suggestion.get("isRecommended") is True for suggestion in suggestions)
    if behavior == SelectionBehavior.AT_MOST_ONE and recommended > 1:
        yield "cds-resp-1"
    for suggestion in suggestions:
        yield from _of_suggestion(suggestion)
    for link in card.get("links", ()):
        yield from _of_link(link)
    reasons = card.get("overrideReasons", ())
    if any(not reason.get("display") for reason in reasons):
        yield "cds-resp-4"
    for coding in (*reasons, *([source["topic"]] if "topic" in source else ())):
        if not coding.get("code") or not coding.get("system"):
            yield "F28"


def _of_suggestion(suggestion: dict[str, Any]) -> Iterator[str]:
    if not suggestion.get("label"):
        yield "F15"
    if suggestion.get("actionSelectionBehavior", "all") not in {"all", "any", "at-most-one"}:
        yield "cds-resp-7"
    if "actionSelectionBehavior" in suggestion:
        yield "F19"
    for action in suggestion.get("actions", ()):
        if not action.get("description"):
            yield "cds-resp-5"
        yield from _of_action(action)


def _of_action(action: dict[str, Any]) -> Iterator[str]:
    kind = action.get("type")
    if kind not in set(ActionType):
        yield "F20"
    if kind == ActionType.DELETE:
        named = RELATIVE_REFERENCE.fullmatch(action.get("resourceId", ""))
        if not named or "resource" in action:
            yield "cds-resp-2"
    elif not isinstance(action.get("resource"), dict) or "resourceType" not in action["resource"]:
        yield "F22"


def _of_link(link: dict[str, Any]) -> Iterator[str]:
    if not link.get("label") or not link.get("url") or link.get("type") not in set(LinkType):
        yield "F24"
    if "appContext" in link and link.get("type") != LinkType.SMART:
        yield "cds-resp-3"


def _has_emptiness(value: Any, name: str = "") -> bool:
    if isinstance(value, dict):
        return (not value and name != "") or any(_has_emptiness(part, key) for key, part in value.items())
    if isinstance(value, list):
        return (not value and name not in _MAY_BE_EMPTY) or any(_has_emptiness(part, name) for part in value)
    return value is None or value == ""
