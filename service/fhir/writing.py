"""FHIR R4 out: draft MedicationRequests and ServiceRequests, one for each order.

They are written as JSON at once, from parts of which most are the same for every patient, and so written once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from msgspec import Raw
from msgspec.json import encode

from service.domain.orders import Order
from service.domain.protocol import Investigation, Timing
from service.domain.terms import Route
from service.ids import Space, part_of

Json = dict[str, Any]
Code = tuple[str, str, str]
UCUM = "http://unitsofmeasure.org"
_URN = "urn:ietf:rfc:3986"
_ORDER = Space("urn:b12-cds:order")
_ROUTE_WORDS = {
    Route.INTRAMUSCULAR: "Intramuscular",
    Route.SUBCUTANEOUS: "Deep subcutaneous",
    Route.ORAL: "Oral",
    Route.NASAL: "Nasal",
}
_GIVEN = {
    Route.INTRAMUSCULAR: "by intramuscular injection",
    Route.SUBCUTANEOUS: "by deep subcutaneous injection",
    Route.ORAL: "by mouth",
    Route.NASAL: "into the nose",
}


@dataclass(slots=True)
class Circumstances:
    """What every order of one answer shares: for whom, when, why, and what it rests on.

    As JSON it is written once for each kind of order.
    """

    patient: str
    encounter: str | None
    today: date
    seed: str
    reason: str
    topic: Code | None
    conditions: tuple[str, ...]
    supporting: tuple[str, ...]
    urgent: bool
    routes: Mapping[Route, Code]
    of_medicines: bytes = field(init=False)
    of_tests: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Write what is shared."""
        reason: Json = {"coding": [_coding(self.topic)], "text": self.reason} if self.topic else {"text": self.reason}
        shared = {
            "subject": {"reference": f"Patient/{self.patient}"},
            "authoredOn": self.today.isoformat(),
            "reasonCode": [reason],
        }
        if self.encounter:
            shared["encounter"] = {"reference": f"Encounter/{self.encounter}"}
        if self.conditions:
            shared["reasonReference"] = [{"reference": each} for each in self.conditions]
        support = [{"reference": each} for each in self.supporting]
        self.of_medicines = _members(shared | {"supportingInformation": support} if support else shared)
        self.of_tests = _members(shared | {"supportingInfo": support} if support else shared)


def number(value: Decimal) -> int | float:
    """Return a decimal as the JSON number with the same digits."""
    return int(value) if value == value.to_integral_value() else float(value)


def how_often(timing: Timing) -> Json:
    """Return how often a step is given, as FHIR Timing.repeat without its bounds."""
    found: Json = {}
    if timing.count is not None:
        found["count"] = timing.count
    if timing.count_max is not None:
        found["countMax"] = timing.count_max
    found |= {"frequency": timing.frequency, "period": timing.period}
    if timing.period_max is not None:
        found["periodMax"] = timing.period_max
    return found | {"periodUnit": timing.unit}


@lru_cache(maxsize=1024)
def _prescribed(order: Order, note: str | None, route: Code | None) -> bytes:
    """Return the members of an order that are the same for every patient."""
    noted: Json = {"note": [{"text": note}]} if note else {}
    return _members(
        noted
        | {
            "resourceType": "MedicationRequest",
            "status": "draft",
            "intent": "proposal",
            "medicationCodeableConcept": {
                "coding": [_coding(coding) for coding in order.product.codings],
                "text": order.product.text,
            },
            "dosageInstruction": [_dosage(order, route)],
            "dispenseRequest": _dispense(order),
        }
    )


def medication_requests(ordered: Sequence[tuple[Order, str | None]], regimen: str, about: Circumstances) -> list[Raw]:
    """Return a complete draft MedicationRequest for each step of a plan and its note; only the first is urgent."""
    group, *identifiers = _urns(about, [regimen, *[f"{regimen}|{order.number}" for order, _ in ordered]])
    prescribed = [_prescribed(order, note, about.routes.get(order.route)) for order, note in ordered]
    return [
        _object(known, _own(identifier, about.urgent and not place), b'"groupIdentifier":' + group, about.of_medicines)
        for place, (known, identifier) in enumerate(zip(prescribed, identifiers, strict=True))
    ]


def service_requests(investigations: Sequence[Investigation], about: Circumstances) -> list[Raw]:
    """Return a complete draft ServiceRequest for each test."""
    identifiers = _urns(about, [investigation.id for investigation in investigations])
    return [
        _object(_tested(wanted.coding, wanted.title), _own(identifier, about.urgent), about.of_tests)
        for wanted, identifier in zip(investigations, identifiers, strict=True)
    ]


def _own(identifier: bytes, urgent: bool) -> bytes:
    """Return the members that are an order's own: its identifier, and how urgent it is."""
    return b'"identifier":[' + identifier + (b'],"priority":"urgent"' if urgent else b'],"priority":"routine"')


def _members(value: Json) -> bytes:
    """Return the members of a JSON object as they are written, without its braces."""
    return encode(value)[1:-1]


def _object(*members: bytes) -> Raw:
    """Return a JSON object that was written in parts, each of at least one member."""
    return Raw(b"{" + b",".join(members) + b"}")


def dose_words(order: Order) -> str:
    """Return a dose as people read it: what, how much of the product, and by which route."""
    step, product = order.step, order.product
    mass = f"{_range(step.low, step.high)} {_unit(step.unit)}"
    unit = product.unit_one if (order.high or order.low) == 1 else product.unit_many
    strength = f"{_plain(product.strength.value)} {_unit(product.strength.unit)}"
    per = f"/{product.unit_one}" if order.route.injected else ""
    return f"{mass} = {_range(order.low, order.high)} {unit} of {strength}{per}"


def _containers(order: Order) -> str:
    count, pack = order.containers, order.product.pack
    return f"; {count} {pack.one if count == 1 else pack.many}" if count is not None and pack is not None else ""


def _range(low: Decimal, high: Decimal | None) -> str:
    return _plain(low) if high is None or high == low else f"{_plain(low)} to {_plain(high)}"


def _dosage(order: Order, coding: Code | None) -> Json:
    bounds = {"start": order.start.isoformat(), "end": order.end.isoformat()}
    first = f"; first dose {order.first_after} after the last of the course" if order.first_after else ""
    dose: Json = {"doseQuantity": _quantity(order.low, order)}
    if order.high is not None:
        high = _quantity(order.high, order)
        # Both ends of a Range have the same unit, word for word (FHIR R4, Range).
        dose = {"doseRange": {"low": _quantity(order.low, order) | {"unit": high["unit"]}, "high": high}}
    return {
        "sequence": 1,
        "text": f"{order.step.text}, {_GIVEN[order.route]} ({dose_words(order)}{_containers(order)}){first}",
        "timing": {"repeat": {"boundsPeriod": bounds} | how_often(order.step.timing)},
        "route": route_as_said(order.route, coding),
        "doseAndRate": [dose],
    }


def route_as_said(route: Route, coding: Code | None) -> Json:
    """Return a route in its code, where that is known, and in words."""
    return ({"coding": [_coding(coding)]} if coding else {}) | {"text": _ROUTE_WORDS[route]}


def _dispense(order: Order) -> Json:
    days = {"value": order.days, "unit": "days", "system": UCUM, "code": "d"}
    return {
        "validityPeriod": {"start": order.start.isoformat(), "end": order.end.isoformat()},
        # An open step is reviewed before anything is repeated.
        "numberOfRepeatsAllowed": 0,
        "quantity": _quantity(order.quantity, order),
        "expectedSupplyDuration": days,
    }


def _quantity(value: Decimal, order: Order) -> Json:
    unit = order.product.unit_one if value == 1 else order.product.unit_many
    return {"value": number(value), "unit": unit, "system": UCUM, "code": order.product.per.unit}


@lru_cache(maxsize=256)
def _tested(coding: Code | None, text: str) -> bytes:
    """Return the members of a test's order that are the same for every patient."""
    code: Json = {"coding": [_coding(coding)], "text": text} if coding else {"text": text}
    return _members({"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal", "code": code})


def _coding(coding: Code) -> Json:
    system, code, display = coding
    return {"system": system, "code": code, "display": display}


def _urns(about: Circumstances, words: Sequence[str]) -> list[bytes]:
    """Return identifiers as JSON: none of their characters needs an escape."""
    found = [part_of(about.seed, _ORDER, each) for each in words]
    return [f'{{"system":"{_URN}","value":"urn:uuid:{each}"}}'.encode() for each in found]


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _unit(unit: str) -> str:
    return "micrograms" if unit == "ug" else unit
