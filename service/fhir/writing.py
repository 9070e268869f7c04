"""FHIR R4 out: draft MedicationRequests and ServiceRequests, one for each order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from service.domain.orders import Order
from service.domain.protocol import Investigation, Timing
from service.domain.terms import Route
from service.ids import Space, named

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

    As JSON each is written once, shared by the orders, and never changed.
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
    whom_when_why: Json = field(init=False)
    """The subject, the day and the reason in words."""
    visit_and_conditions: Json = field(init=False)
    """The encounter and the conditions, as far as there are any."""
    support: list[Json] = field(init=False)
    """The results and other resources it rests on."""
    _groups: dict[str, Json] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Write what is shared."""
        reason: Json = {"coding": [_coding(self.topic)], "text": self.reason} if self.topic else {"text": self.reason}
        self.whom_when_why = {
            "subject": {"reference": f"Patient/{self.patient}"},
            "authoredOn": self.today.isoformat(),
            "reasonCode": [reason],
        }
        self.visit_and_conditions = (
            {"encounter": {"reference": f"Encounter/{self.encounter}"}} if self.encounter else {}
        )
        if self.conditions:
            self.visit_and_conditions["reasonReference"] = [{"reference": each} for each in self.conditions]
        self.support = [{"reference": each} for each in self.supporting]

    def group(self, regimen: str) -> Json:
        """Return the identifier that all orders of one regimen share."""
        if regimen not in self._groups:
            self._groups[regimen] = _urn(self, regimen)
        return self._groups[regimen]


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


@dataclass(frozen=True, slots=True)
class _Prescribed:
    """The elements of an order that are the same for every patient: shared, and never changed."""

    medication: Json
    dosage: list[Json]
    dispense: Json


@lru_cache(maxsize=1024)
def _prescribed(order: Order, route: Code | None) -> _Prescribed:
    """Return what is prescribed, written once for each order."""
    medication = {"coding": [_coding(coding) for coding in order.product.codings], "text": order.product.text}
    return _Prescribed(medication, [_dosage(order, route)], _dispense(order))


def medication_request(
    order: Order, regimen: str, note: str | None, about: Circumstances, *, first: bool = True
) -> Json:
    """Return a complete draft MedicationRequest for one step; only a plan's first is urgent."""
    prescribed = _prescribed(order, about.routes.get(order.route))
    resource: Json = {
        "resourceType": "MedicationRequest",
        "identifier": [_urn(about, f"{regimen}|{order.number}")],
        "status": "draft",
        "intent": "proposal",
        "priority": "urgent" if about.urgent and first else "routine",
        "medicationCodeableConcept": prescribed.medication,
        **about.whom_when_why,
        "groupIdentifier": about.group(regimen),
        "dosageInstruction": prescribed.dosage,
        "dispenseRequest": prescribed.dispense,
        **about.visit_and_conditions,
    }
    if about.supporting:
        resource["supportingInformation"] = about.support
    if note:
        resource["note"] = [{"text": note}]
    return resource


def service_request(investigation: Investigation, about: Circumstances) -> Json:
    """Return a complete draft ServiceRequest for one test."""
    resource: Json = {
        "resourceType": "ServiceRequest",
        "identifier": [_urn(about, investigation.id)],
        "status": "draft",
        "intent": "proposal",
        "priority": "urgent" if about.urgent else "routine",
        "code": _code(investigation.coding, investigation.title),
        **about.whom_when_why,
        **about.visit_and_conditions,
    }
    if about.supporting:
        resource["supportingInfo"] = about.support
    return resource


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
def _code(coding: Code | None, text: str) -> Json:
    """Return the code of a test, the same for every patient: shared, and never changed."""
    return {"coding": [_coding(coding)], "text": text} if coding else {"text": text}


def _coding(coding: Code) -> Json:
    system, code, display = coding
    return {"system": system, "code": code, "display": display}


def _urn(about: Circumstances, words: str) -> Json:
    return {"system": _URN, "value": f"urn:uuid:{named(_ORDER, f'{about.seed}|{words}')}"}


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _unit(unit: str) -> str:
    return "micrograms" if unit == "ug" else unit
