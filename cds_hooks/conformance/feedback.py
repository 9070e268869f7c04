"""Feedback: every legal shape is taken, and what is none is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cds_hooks.conformance.caller import Caller
from cds_hooks.conformance.calls import Calls, expect_refusal
from cds_hooks.conformance.ledger import Ledger
from cds_hooks.conformance.sources import Json

_NOT_OFFERED = frozenset({404, 405, 501})
_RULES = ("H1", "H2", "H3", "H4", "H5", "H6")


def check_feedback(caller: Caller, ledger: Ledger, called: Sequence[Calls]) -> bool:
    """Send feedback on a card that was received, or else on one that never was; return whether it is offered."""
    calls = next((one for one in called if _card_of(one)), next(iter(called), None))
    if calls is None:
        ledger.cannot("no service can be called", *_RULES)
        return False
    url, where = f"{calls.service.url}/feedback", f"{calls.service.id}: feedback"
    card = _card_of(calls) or {"uuid": str(uuid4())}
    accepted = _accepted(card)
    first = caller.post(url, {"feedback": [accepted]}, f"{where}, accepted")
    if first.status in _NOT_OFFERED:
        ledger.cannot(f"no feedback is taken ({first.status})", *_RULES)
        return False
    if first.unauthorized:
        ledger.expect(
            "J3", caller.token_for(url) is None, f"{where}, accepted", f"a good JWT is refused with {first.told}"
        )
        ledger.cannot(f"the service does not trust us ({first.status})", *_RULES)
        return True
    for number, (rule, name, items) in enumerate(_legal(card, accepted)):
        answer = first if number == 0 else caller.post(url, {"feedback": items}, f"{where}, {name}")
        told = f"answered {answer.told}"
        if ledger.expect("H1", 0 < answer.status < 500, f"{where}, {name}", told):
            ledger.expect(rule, answer.ok, f"{where}, {name}", told)
    for name, body in _illegal(accepted):
        expect_refusal(ledger, "H3", caller.post(url, body, f"{where}, {name}"), f"{where}, {name}")
    return True


def _legal(card: Json, accepted: Json) -> Iterator[tuple[str, str, list[Json]]]:
    reason = next(iter(card.get("overrideReasons") or ()), {"system": "http://example.org/reasons", "code": "other"})
    picked = {"reason": {name: reason[name] for name in ("code", "system") if name in reason}}
    said = {"userComment": "Not now."}
    yield "H4", "accepted", [accepted]
    yield "H5", "overridden with a reason", [_overridden(card, {"overrideReason": picked})]
    yield "H5", "overridden with a comment", [_overridden(card, {"overrideReason": said})]
    yield "H5", "overridden with both", [_overridden(card, {"overrideReason": picked | said})]
    late = _overridden(card, {})
    yield "H6", "overridden without a reason", [late]
    yield "H6", "the same again", [late]
    yield "H2", "several items", [_overridden(card, {}), accepted | {"card": str(uuid4())}]


def _illegal(accepted: Json) -> Iterator[tuple[str, Json]]:
    yield "no array", accepted
    yield "without a card", {"feedback": [{key: value for key, value in accepted.items() if key != "card"}]}
    yield "another outcome", {"feedback": [accepted | {"outcome": "ignored"}]}


def _accepted(card: Json) -> Json:
    suggestions = [one for one in card.get("suggestions") or () if isinstance(one, dict) and one.get("uuid")]
    taken = str(suggestions[0]["uuid"]) if suggestions else str(uuid4())
    return _item(card, "accepted") | {"acceptedSuggestions": [{"id": taken}]}


def _overridden(card: Json, why: Json) -> Json:
    return _item(card, "overridden") | why


def _item(card: Json, outcome: str) -> Json:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"card": card["uuid"], "outcome": outcome, "outcomeTimestamp": moment}


def _card_of(calls: Calls) -> dict[str, Any] | None:
    """The first card that has a uuid, and suggestions if any has."""
    cards = [card for card in calls.cards if isinstance(card, dict) and isinstance(card.get("uuid"), str)]
    return max(cards, key=lambda card: bool(card.get("suggestions")), default=None)
