"""The real requests that are changed: every hook, with charts of the vignettes and faulty orders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from tests.chart.codes import Choice
from tests.chart.hook_request import patient_view
from tests.chart.render import bundle
from tests.orders.kit import (
    CYANO_INJECTION,
    FOLIC_ACID,
    KEYS,
    METFORMIN,
    SMALL_TABLETS,
    draft,
    drafts,
    injection,
    tablets,
)
from tests.orders.test_hooks import problem
from tests.vignettes import TODAY, vignettes

Json = dict[str, Any]
PATIENT, STRANGER = "pat-7731", "someone-else"
SERVER = "https://ehr.example/fhir"
TOKEN = "fhir-access-token-of-this-call-8d1f"
#: What no log and no answer to anybody else may hold.
SEEDED = ("Quillfeather", "Zebedee", "NHS-9434765919", "Larkspur Lane", PATIENT, "practitioner-1", TOKEN)

ORDERS: tuple[tuple[Json, ...], ...] = (
    (injection(),),
    (tablets(),),
    (tablets(dose=(1000, "mg")),),
    (injection(dose=(1, "ug")), tablets(SMALL_TABLETS, name="second")),
    (injection(CYANO_INJECTION, every=(1, "d")),),
    (draft(FOLIC_ACID, route="oral", dose=(5, "mg"), every=(1, "d")),),
    (draft(METFORMIN), injection(name="second", dosageInstruction=...)),
)


@dataclass(frozen=True, slots=True)
class Seed:
    """One good request: its path, and its body as JSON."""

    path: str
    body: bytes

    def tree(self) -> Any:
        """Return the body, to be changed."""
        return msgspec.json.decode(self.body)


@cache
def calls() -> tuple[Seed, ...]:
    """Return the calls of all five services."""
    told = [each for each in vignettes() if each.today == TODAY]
    return tuple(seed for number, each in enumerate(told) for seed in _of(number, each.facts))


def _of(number: int, facts: Any) -> list[Seed]:
    chart = bundle(facts, TODAY, Choice.nth(number))
    orders = ORDERS[number % len(ORDERS)]
    selections = [f"{order['resourceType']}/{order['id']}" for order in orders]
    contexts: dict[str, Json] = {
        "patient-view": {"encounterId": "encounter-1"},
        "order-select": {"selections": selections, "draftOrders": drafts(*orders)},
        "order-sign": {"draftOrders": drafts(*orders)},
        "medication-refill": {"medications": drafts(*({**order, "status": "active"} for order in orders))},
        "problem-list-item-create": {"conditions": drafts(problem())},
    }
    return [_seed(hook, patient_view(chart, KEYS), context) for hook, context in contexts.items()]


def _seed(hook: str, asked: Json, context: Json) -> Seed:
    asked["hook"] = hook
    asked["context"] |= context
    asked["prefetch"]["patient"] |= {
        "name": [{"family": "Quillfeather", "given": ["Zebedee"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "NHS-9434765919"}],
        "address": [{"line": ["3 Larkspur Lane"]}],
    }
    body = msgspec.json.encode(asked).replace(b"patient-1", PATIENT.encode())
    return Seed(f"/cds-services/b12-{hook}", body)


@cache
def feedback() -> tuple[Seed, ...]:
    """Return feedback in its legal shapes."""
    at = {"outcomeTimestamp": "2026-11-22T08:00:00Z"}
    reason = {"code": "patient-refused", "system": "http://terminology.hl7.org/CodeSystem/override-reason"}
    items: tuple[Json, ...] = (
        {"card": "c-1", "outcome": "accepted", "acceptedSuggestions": [{"id": "s-1"}, {"id": "s-2"}]} | at,
        {"card": "c-2", "outcome": "overridden"} | at,
        {"card": "c-3", "outcome": "overridden", "overrideReason": {"reason": reason}} | at,
        {"card": "c-4", "outcome": "overridden", "overrideReason": {"userComment": "Zebedee Quillfeather says no"}}
        | at,
    )
    path = "/cds-services/b12-patient-view/feedback"
    return tuple(Seed(path, msgspec.json.encode({"feedback": [*items[: number + 1]]})) for number in range(len(items)))
