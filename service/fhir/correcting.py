"""A draft put right: the resource as it was sent, with only what is wrong changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from service.domain.pace import Change
from service.domain.terms import Route
from service.fhir.supply import doses_between
from service.fhir.writing import UCUM, how_often, number, route_as_said

Json = dict[str, Any]
#: What says how often, beside the interval itself.
_OFTEN = frozenset(
    [
        "count",
        "countMax",
        "frequency",
        "frequencyMax",
        "period",
        "periodMax",
        "periodUnit",
        "dayOfWeek",
        "timeOfDay",
        "when",
        "offset",
    ]
)
_BOUNDS = frozenset({"boundsPeriod", "boundsDuration", "boundsRange"})
_SAID = {"ug": r"micrograms?|mcg|ug|µg|μg", "mg": r"milligrams?|mg"}
_WORDS = {"ug": "micrograms", "mg": "mg"}
_INTO_MUSCLE = re.compile(r"\bintramuscular(ly)?\b|\bi\.?m\.?(?=\W|$)", re.IGNORECASE)


def corrected(draft: Json, change: Change, aliases: Mapping[str, str], route: tuple[str, str, str] | None) -> Json:
    """Return the whole updated resource; `route` is the coding of the route that the change asks for."""
    order = deepcopy(draft)
    dosages = _several(order.get("dosageInstruction"))
    if change.unit is not None:
        for dosage in dosages:
            _in_unit(dosage, change.unit, aliases)
        _retold(_dispensed(order), change.unit, aliases)
    for dosage in dosages[:1]:
        if change.timing is not None:
            _at_interval(dosage, change)
        if change.route is not None:
            _by_route(dosage, change.route, route)
    if change.timing is not None and dosages:
        _resupplied(order, dosages[0])
    return order


def _several(value: Any) -> list[Json]:
    """Return the objects of an element that should be a list."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _in_unit(dosage: Json, unit: str, aliases: Mapping[str, str]) -> None:
    """Say the same number in another unit, in the text too."""
    for amount in _several(dosage.get("doseAndRate")):
        bounds = amount.get("doseRange")
        quantities = [amount.get("doseQuantity"), *(bounds.values() if isinstance(bounds, dict) else ())]
        for quantity in _several(quantities):
            value = quantity.get("value")
            if _retold(quantity, unit, aliases) and isinstance(dosage.get("text"), str):
                dosage["text"] = _reworded(dosage["text"], value, unit)


def _retold(quantity: Json, unit: str, aliases: Mapping[str, str]) -> bool:
    said = str(quantity.get("code") or quantity.get("unit") or "")
    known = aliases.get(said, said)
    if known == unit or known not in _SAID:
        return False
    quantity |= {"unit": _WORDS[unit], "system": UCUM, "code": unit}
    return True


def _reworded(text: str, value: Any, unit: str) -> str:
    wrong = "|".join(words for known, words in _SAID.items() if known != unit)
    digits = f"{value:,}" if isinstance(value, int) else str(value)
    found = rf"(?<![\d.,])({re.escape(str(value))}|{re.escape(digits)})\s*(?:{wrong})\b"
    return re.sub(found, rf"\1 {_WORDS[unit]}", text, flags=re.IGNORECASE)


def _at_interval(dosage: Json, change: Change) -> None:
    timing = dosage.get("timing") if isinstance(dosage.get("timing"), dict) else {}
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    kept = {key: value for key, value in (repeat if isinstance(repeat, dict) else {}).items() if key not in _OFTEN}
    if change.end is not None and change.start is not None:
        kept = {key: value for key, value in kept.items() if key not in _BOUNDS}
        kept["boundsPeriod"] = {"start": change.start.isoformat(), "end": change.end.isoformat()}
    if change.timing is not None:
        dosage["timing"] = {"repeat": kept | how_often(change.timing)}
    if isinstance(dosage.get("text"), str) and change.text:
        dosage["text"] = change.text


def _by_route(dosage: Json, route: Route, coding: tuple[str, str, str] | None) -> None:
    said = route_as_said(route, coding)
    dosage["route"] = said
    if isinstance(dosage.get("text"), str):
        dosage["text"] = _INTO_MUSCLE.sub(str(said["text"]).lower(), dosage["text"])


def _dispensed(order: Json) -> Json:
    dispense = order.get("dispenseRequest")
    quantity = dispense.get("quantity") if isinstance(dispense, dict) else None
    return quantity if isinstance(quantity, dict) else {}


def _resupplied(order: Json, dosage: Json) -> None:
    """Dispense what the new timing takes; left as it was where that cannot be counted."""
    quantity, repeat = _dispensed(order), dosage["timing"]["repeat"]
    period = repeat.get("boundsPeriod") or {}
    first = next(iter(_several(dosage.get("doseAndRate"))), {})
    highest = [bounds.get("high") for bounds in _several(first.get("doseRange"))]
    dose = next(iter(_several([first.get("doseQuantity"), *highest])), {})
    same = (dose.get("system"), dose.get("code")) == (quantity.get("system"), quantity.get("code"))
    try:
        start, end = date.fromisoformat(period["start"]), date.fromisoformat(period["end"])
        each = Decimal(str(dose["value"]))
    except (KeyError, ValueError, TypeError, InvalidOperation):
        return
    if not quantity or not same or not each.is_finite():
        return
    doses = repeat.get("countMax") or repeat.get("count") or doses_between(repeat, start, end)
    quantity["value"] = number(each * doses)
    dispense = order["dispenseRequest"]
    if dispense.get("numberOfRepeatsAllowed"):
        dispense["numberOfRepeatsAllowed"] = 0
    lasts = dispense.get("expectedSupplyDuration")
    if isinstance(lasts, dict):
        days = {"value": (end - start).days + 1, "unit": "days", "system": UCUM, "code": "d"}
        dispense["expectedSupplyDuration"] = days
    if isinstance(dispense.get("validityPeriod"), dict):
        dispense["validityPeriod"] = dict(period)
