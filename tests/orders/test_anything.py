"""An order with anything at any place is corrected or left as it is, and never a fault of ours."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

import flask.testing
import pytest

from service.app import create_app
from service.domain.pace import Change
from service.domain.protocol import Timing
from service.domain.terms import Route
from service.evaluate import shipped
from service.fhir.correcting import corrected
from service.settings import Settings
from tests.fuzz.changes import JUNK, places
from tests.vignettes import PROTOCOLS

from .kit import HYDROXO, LOW, draft, drafts, facts, request
from .test_correcting import ALIASES, complete

WEEKLY = Timing(frequency=1, period=1, unit="wk")
CHANGES = (
    Change(unit="ug"),
    Change(route=Route.SUBCUTANEOUS),
    Change(timing=WEEKLY, text="weekly", start=date(2026, 11, 22), end=date(2027, 2, 22)),
)
ROUTE = ("http://snomed.info/sct", "34206005", "Subcutaneous route")


@cache
def production(protocol: str) -> flask.testing.FlaskClient:
    """The service as sites run it: what a client sent is given back as it was, empty elements and all."""
    return create_app(Settings(protocol=protocol, authentication="off"), shipped()).test_client()


@pytest.mark.parametrize("change", CHANGES)
def test_a_correction_survives_anything_at_any_place(change: Change) -> None:
    tried = 0
    for number in range(len([*places(complete())])):
        for junk in JUNK:
            order: Any = complete()
            holder, key = [*places(order)][number]
            holder[key] = deepcopy(junk)
            corrected(order, change, ALIASES, ROUTE)
            tried += 1

    assert tried > 1000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_draft_with_anything_at_any_place_is_answered_or_refused(protocol: str) -> None:
    patient = facts(conditions=["pernicious_anaemia"], labs=LOW)
    faulty = draft(HYDROXO, route="intramuscular", dose=(1, "ug"), every=(1, "d"), days=30)
    statuses = set()
    for number in range(len([*places(faulty)])):
        for junk in JUNK[number % 3 :: 3]:
            order = deepcopy(faulty)
            holder, key = [*places(order)][number]
            holder[key] = deepcopy(junk)
            asked = request("order-sign", patient, draftOrders=drafts(order))
            statuses.add(production(protocol).post("/cds-services/b12-order-sign", json=asked).status_code)

    assert statuses <= {200, 400}
    assert 200 in statuses


@pytest.mark.parametrize("depth", [50, 120, 200, 300, 400, 600, 900, 5000])
def test_a_draft_however_deep_is_answered_or_refused(depth: int) -> None:
    patient = facts(conditions=["pernicious_anaemia"], labs=LOW)
    faulty = draft(HYDROXO, route="intramuscular", dose=(1, "ug"), every=(1, "d"))
    body = drafts(faulty | {"note": "@deep"})
    asked = json.dumps(request("order-sign", patient, draftOrders=body))
    nested = asked.replace('"@deep"', "[" * depth + "]" * depth)

    answer = production("uk-ng239").post("/cds-services/b12-order-sign", data=nested, content_type="application/json")

    assert answer.status_code in (200, 400)
