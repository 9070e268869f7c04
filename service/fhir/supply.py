"""Whether what is dispensed is what the dosage takes: doses by dates, and the supply that must match them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from service.domain.record import months_after

Json = dict[str, Any]
#: Days in the units that are always as long, and months in those that are not.
_FIXED = {"d": Decimal(1), "wk": Decimal(7)}
_MONTHS = {"mo": 1, "a": 12}
_LONGEST = 1000
_DAY = re.compile(r"^(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$")


def problems(order: Json) -> Iterator[str]:
    """Yield where a complete MedicationRequest dispenses more or less than its dosage takes, or too many doses fit."""
    dispense = order["dispenseRequest"]
    quantity = dispense["quantity"]
    undated = [
        problem for place, dosage in enumerate(order["dosageInstruction"]) for problem in _undated(place, dosage)
    ]
    if undated:
        yield from undated
        return
    needed = Decimal(0)
    first, last = date.max, date.min
    bounded = True
    for place, dosage in enumerate(order["dosageInstruction"]):
        repeat = dosage["timing"]["repeat"]
        start, end = (date.fromisoformat(repeat["boundsPeriod"][edge]) for edge in ("start", "end"))
        first, last = min(first, start), max(last, end)
        dose = _dose(dosage["doseAndRate"][0])
        if (dose.get("system"), dose.get("code")) != (quantity.get("system"), quantity.get("code")):
            yield f"dispenseRequest.quantity: in {quantity.get('code')}, and the dose in {dose.get('code')}"
            return
        most = repeat.get("countMax", repeat.get("count"))
        fit = doses_between(repeat, start, end)
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


def _undated(place: int, dosage: Json) -> Iterator[str]:
    """Yield why the doses of a dosage cannot be counted by the calendar."""
    repeat, rate = dosage["timing"]["repeat"], dosage["doseAndRate"][0]
    where = f"dosageInstruction.{place}"
    period = _exact(repeat["period"])
    unit = repeat["periodUnit"]
    if not 0 < period <= _LONGEST or unit not in {*_FIXED, *_MONTHS} or (unit in _MONTHS and period % 1):
        yield f"{where}.timing.repeat: {period} {unit} is no interval on a calendar"
    for edge in ("start", "end"):
        day = repeat["boundsPeriod"][edge]
        if not _DAY.match(day):
            yield f"{where}.timing.repeat.boundsPeriod.{edge}: {day} is not a day"
    if "doseQuantity" not in rate and "low" not in rate.get("doseRange", {}):
        yield f"{where}.doseAndRate.0: is no dose"


def _supply_days(dispense: Json, fills: int, days: int) -> Iterator[str]:
    lasts = dispense.get("expectedSupplyDuration")
    if lasts is None or lasts.get("code") not in _FIXED:
        return  # months are no fixed number of days
    fill = _exact(lasts["value"]) * _FIXED[lasts["code"]]
    if not days <= fill * fills < days + fill:
        yield f"dispenseRequest.expectedSupplyDuration: {fills} times {fill} days is not the {days} days of the dosage"


def _dose(rate: Json) -> Json:
    """Return the dose to supply for: of a range, its high end."""
    return dict(rate.get("doseQuantity") or rate["doseRange"].get("high") or rate["doseRange"]["low"])


def _exact(value: float | Decimal) -> Decimal:
    return Decimal(str(value))


def doses_between(repeat: Json, start: date, end: date) -> int:
    """Return how many doses fall between two days, both included, at the shortest interval."""
    period, unit = _exact(repeat["period"]), repeat["periodUnit"]
    times: int = repeat["frequencyMax"] if "frequencyMax" in repeat else repeat["frequency"]
    if unit in _FIXED:
        return int(((end - start).days // (period * _FIXED[unit]) + 1) * times)
    periods = 0
    while months_after(start, periods * int(period) * _MONTHS[unit]) <= end:
        periods += 1
    return periods * times
