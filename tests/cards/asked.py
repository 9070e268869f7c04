"""Every vignette asked of every protocol, once: the answers that the tests of this folder look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import msgspec

from cds_hooks.wire import Response
from service.answer import Answer
from service.domain.decision import Decision
from service.evaluate import evaluate, shipped
from tests.chart.resources import Resource
from tests.medicine.ask import chart_of
from tests.vignettes import PROTOCOLS, vignettes

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One question and its whole answer."""

    name: str
    chart: Resource
    protocol: str
    today: date
    answer: Answer

    @property
    def decision(self) -> Decision:
        return self.answer.decision

    @property
    def response(self) -> Response:
        return Response(cards=self.answer.cards, extension=self.answer.extension)

    @property
    def cards(self) -> list[Json]:
        """The cards as they travel."""
        return json.loads(msgspec.json.encode(self.response))["cards"]

    @property
    def plan_card(self) -> Json | None:
        """The card whose suggestions would create medicines."""
        return next((card for card in self.cards if "MedicationRequest" in kinds(card)), None)


def ask(name: str, chart: Resource, protocol: str, today: date) -> Asked:
    document = json.dumps(chart).encode()
    return Asked(name, chart, protocol, today, evaluate(document, protocol=protocol, today=today, using=shipped()))


@cache
def every() -> tuple[Asked, ...]:
    return tuple(
        ask(f"{told.id} {protocol}", chart_of(told), protocol, told.today)
        for told in vignettes()
        for protocol in PROTOCOLS
    )


def one(name: str, protocol: str) -> Asked:
    return next(asked for asked in every() if asked.name == f"{name} {protocol}")


def planned() -> tuple[Asked, ...]:
    """The answers that offer orders: a plan, and no draft of it waiting."""
    return tuple(a for a in every() if a.decision.schedules and not a.decision.evidence.therapy.drafts)


def every_card() -> Iterator[tuple[str, Asked, Json]]:
    for asked in every():
        for number, card in enumerate(asked.cards):
            yield f"{asked.name} card {number}", asked, card


def every_suggestion() -> Iterator[tuple[str, Asked, Json]]:
    for name, asked, card in every_card():
        for suggestion in card.get("suggestions", ()):
            yield f"{name} {suggestion['label']}", asked, suggestion


def every_order() -> Iterator[tuple[str, Asked, Resource]]:
    """Each new order, MedicationRequest or ServiceRequest."""
    for name, asked, suggestion in every_suggestion():
        for number, order in enumerate(created(suggestion)):
            yield f"{name} order {number}", asked, order


def created(suggestion: Json) -> list[Resource]:
    return [action["resource"] for action in suggestion["actions"] if action["type"] == "create"]


def medicines(suggestion: Json) -> list[Resource]:
    return [order for order in created(suggestion) if order["resourceType"] == "MedicationRequest"]


def kinds(card: Json) -> set[str]:
    return {order["resourceType"] for suggestion in card.get("suggestions", ()) for order in created(suggestion)}


def with_resources(chart: Resource, *more: Resource) -> Resource:
    return {**chart, "entry": [*chart["entry"], *({"resource": resource} for resource in more)]}


def of_patient(chart: Resource, **changes: Any) -> Resource:
    """The chart with a changed Patient."""
    entries = [
        {**entry, "resource": {**entry["resource"], **changes}}
        if entry["resource"]["resourceType"] == "Patient"
        else entry
        for entry in chart["entry"]
    ]
    return {**chart, "entry": entries}


def written(suggestion: Json, **changes: Any) -> list[Resource]:
    """The new orders as an EHR keeps them, under ids of its own."""
    return [{**order, "id": f"kept-{n}", **changes} for n, order in enumerate(created(suggestion), 1)]
