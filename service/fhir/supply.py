"""Whether what is dispensed is what the dosage takes: doses by dates, and the supply that must match them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from service.domain.record import months_after
from service.ucum import factor

Json = dict[str, Any]


def problems(order: Json) -> Iterator[str]:
    """Yield where a complete MedicationRequest dispenses more or less than its dosage takes, or too many doses fit."""
    dispense = order["dispenseRequest"]
    quantity = dispense["quantity"]
    needed = Decimal(0)
    first, last = date.max, date.min
    bounded = True
    for place, dosage in enumerate(order["dosageInstruction"]):
        repeat = dosage["timing"]["repeat"]
        start, end = (date.fromisoformat(repeat["boundsPeriod"][edge][:10]) for edge in ("start", "end"))
        first, last = min(first, start), max(last, end)
        dose = _dose(dosage["doseAndRate"][0])
        if (dose.get("system"), dose.get("code")) != (quantity.get("system"), quantity.get("code")):
            yield f"dispenseRequest.quantity: in {quantity.get('code')}, and the dose in {dose.get('code')}"
            return
        most = repeat.get("countMax", repeat.get("count"))
        fit = _fit(repeat, start, end)
        if most is not None and most > fit:
            yield f"dosageInstruction.{place}.timing.repeat: {most} doses, and {fit} fit between {start} and {end}"
        bounded = bounded and most is not None
        needed += _exact(dose["value"]) * (fit if most is None else most)
    fills = 1 + dispense.get("numberOfRepeatsAllowed", 0)
    supplied = _exact(quantity["value"]) * fills
    # Several fills of an open step may end with some left over, but never with a fill too many.
    wasted = fills > 1 and not bounded and supplied - needed < _exact(quantity["value"])
    if supplied < needed or (supplied != needed and not wasted):
        yield f"dispenseRequest.quantity: {fills} times {quantity['value']} is not the {needed} that the dosage takes"
    yield from _supply_days(dispense, fills, (last - first).days + 1)


def _supply_days(dispense: Json, fills: int, days: int) -> Iterator[str]:
    lasts = dispense.get("expectedSupplyDuration")
    if lasts is None or lasts.get("code") not in ("d", "wk"):
        return  # months are no fixed number of days
    fill = _exact(lasts["value"]) * (factor(lasts["code"], "d") or 1)
    if not days <= fill * fills < days + fill:
        yield f"dispenseRequest.expectedSupplyDuration: {fills} times {fill} days is not the {days} days of the dosage"


def _dose(rate: Json) -> Json:
    """Return the dose to supply for: of a range, its high end."""
    return dict(rate.get("doseQuantity") or rate["doseRange"].get("high") or rate["doseRange"]["low"])


def _exact(value: float | Decimal) -> Decimal:
    return Decimal(str(value))


def _fit(repeat: Json, start: date, end: date) -> int:
    """Return how many doses fall between two days, both included, at the shortest interval."""
    periods = 0
    while _after(start, repeat["periodUnit"], repeat["period"] * periods) <= end:
        periods += 1
    return int(periods * repeat.get("frequencyMax", repeat["frequency"]))


def _after(start: date, unit: str, number: float) -> date:
    if unit in ("mo", "a"):
        return months_after(start, int(number) * (12 if unit == "a" else 1))
    days = factor(unit, "d") or Decimal(0)
    return start + timedelta(days=float(days * _exact(number)))
