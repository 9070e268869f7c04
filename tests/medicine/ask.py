"""One question to the whole pipeline: a chart, a protocol and a day in, the published answer out."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from service.evaluate import evaluate_document
from tests.chart.codes import Choice
from tests.chart.render import bundle
from tests.chart.resources import Resource
from tests.vignettes import TODAY, Vignette

Answer = dict[str, Any]


def answer(chart: Resource, protocol: str, today: date = TODAY) -> Answer:
    return evaluate_document(json.dumps(chart).encode(), protocol=protocol, today=today)


def chart_of(told: Vignette, nth: int = 0) -> Resource:
    return bundle(told.facts, told.today, Choice.nth(nth))


def created(given: Answer, kind: str) -> list[Resource]:
    """The resources of this type that the cards' suggestions would create."""
    return [
        action["resource"]
        for action in actions(given)
        if action["type"] == "create" and action["resource"]["resourceType"] == kind
    ]


def actions(given: Answer) -> list[dict[str, Any]]:
    return [
        action
        for card in given["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion.get("actions", ())
    ]


def recommended(given: Answer) -> dict[str, Any] | None:
    return next((option for option in given["options"] if option["recommended"]), None)


def cited(given: Answer) -> set[str]:
    """Every resource an answer rests on: the causes' basis, and what its orders refer to."""
    basis = {reference for cause in given["causes"] for reference in cause["basis"]}
    orders = created(given, "MedicationRequest") + created(given, "ServiceRequest")
    reasons = {
        pointer["reference"]
        for order in orders
        for element in ("reasonReference", "supportingInformation", "supportingInfo")
        for pointer in order.get(element, ())
    }
    return basis | reasons


def held(chart: Resource) -> set[str]:
    return {f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in chart["entry"]}
