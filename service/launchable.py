"""Services whose cards lead on to the SMART app, where it has an address."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import msgspec

from cds_hooks.registry import Call, Service
from cds_hooks.wire import Card, Link, LinkType, Response
from service.cards.compose import EXTENSION

LABEL = "Open the B12 plan"


class _Protocol(msgspec.Struct):
    id: str


class _Carried(msgspec.Struct):
    protocol: _Protocol | None = None


def launchable(service: Service, app: str) -> Service:
    """Return the service with a `smart` link to the app's launch address on each of its cards.

    `appContext` (JSON) names the protocol, the card and the patient's id, so that the app shows what the card was
    about and refuses to be opened for anybody else; it holds no name and no finding.
    """
    answer: Callable[[Call], Response] = service.answer

    def leading_on(call: Call) -> Response:
        response = answer(call)
        if not response.cards:
            return response
        patient = call.context.patientId
        cards = tuple(_with_link(card, app, patient) for card in response.cards)
        return msgspec.structs.replace(response, cards=cards)

    return replace(service, answer=leading_on)


def _with_link(card: Card, app: str, patient: str) -> Card:
    about = {"protocol": _protocol(card), "card": card.uuid, "patient": patient}
    context = json.dumps({name: value for name, value in about.items() if value})
    link = Link(label=LABEL, url=app, type=LinkType.SMART, appContext=context)
    return msgspec.structs.replace(card, links=(*card.links, link))


def _protocol(card: Card) -> str | None:
    carried = (card.extension or {}).get(EXTENSION)
    if carried is None:
        return None
    raw = isinstance(carried, msgspec.Raw)
    found = msgspec.json.decode(carried, type=_Carried) if raw else msgspec.convert(carried, _Carried)
    return found.protocol.id if found.protocol is not None else None
