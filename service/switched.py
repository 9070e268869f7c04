"""Services whose answers heed the switches: what is off is evaluated by nobody, or said to nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from cds_hooks.registry import Call, Service
from cds_hooks.wire import Card, Response
from service.cards.compose import EXTENSION
from service.control import Switches

SWITCHED_OFF = "org.b12-cds.switched-off"
"""The key of an answer's extension that says what is switched off."""


class _Ruled(msgspec.Struct):
    rule: str | None = None


def switched(service: Service, switches: Switches) -> Service:
    """Return the service as the switches let it speak.

    A service that is off answers without cards and says so in the extension. So does one whose conclusion rests on a
    rule that is off; a card that rests on another rule that is off is left out alone.
    """
    answer: Callable[[Call], Response] = service.answer

    def heeding(call: Call) -> Response:
        now = switches.now()
        if service.id in now.services_off:
            return _nothing({"service": service.id})
        response = answer(replace(call, withheld=frozenset(now.rules_off)))
        if not now.rules_off:
            return response
        if (rule := rule_of(response.extension)) in now.rules_off:
            return _nothing({"rule": rule})
        return msgspec.structs.replace(
            response, cards=tuple(card for card in response.cards if rule_of(card.extension) not in now.rules_off)
        )

    return replace(service, answer=heeding)


def _nothing(off: Mapping[str, Any]) -> Response:
    cards: tuple[Card, ...] = ()
    return Response(cards=cards, extension={SWITCHED_OFF: dict(off)})


def rule_of(extension: Mapping[str, Any] | None) -> str | None:
    """Return the rule that an answer or a card says it rests on."""
    carried = (extension or {}).get(EXTENSION)
    if carried is None:
        return None
    if isinstance(carried, msgspec.Raw):
        return msgspec.json.decode(carried, type=_Ruled).rule
    return msgspec.convert(carried, _Ruled).rule
