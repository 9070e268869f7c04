"""How much of a medicine one dose is, in the unit of mass that doses are compared in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from service.domain.record import Measure
from service.fhir.decoding import decode_amounts, decode_quantity
from service.fhir.shapes import Dosage, Quantity, told
from service.ucum import NotUcum, factor

#: The unit of mass that doses are compared in.
MASS = "ug"
#: No dose is larger or smaller, in that unit.
_MOST, _LEAST = Decimal(10**9), Decimal("0.001")
_LONGEST_UNIT = 64


def dose_of(dosages: Iterable[Dosage], aliases: Mapping[str, str]) -> Measure | None:
    """Return the first dose that is said in a unit of mass, of a range its upper end; raises what decoding raises."""
    for quantity, comparator in _said(dosages):
        unit = quantity.code or quantity.unit or ""
        scale = _scale(aliases.get(unit, unit))
        if scale is None or quantity.value is None or not quantity.value.is_finite():
            continue
        value = quantity.value * scale
        if _LEAST <= value <= _MOST:
            return Measure(value.normalize(), MASS, comparator)
    return None


def _said(dosages: Iterable[Dosage]) -> Iterable[tuple[Quantity, str]]:
    for dosage in dosages:
        amounts = decode_amounts.decode(dosage.doseAndRate) if told(dosage.doseAndRate) else None
        for amount in amounts or ():
            if amount.doseQuantity is not None:
                yield amount.doseQuantity, ""
            elif amount.doseRange is not None and amount.doseRange.high is not None:
                yield amount.doseRange.high, "<="
        given = decode_quantity.decode(dosage.dose) if told(dosage.dose) else None
        if given is not None:
            yield given, ""


def _scale(unit: str) -> Decimal | None:
    """Return how much one unit is, or None when it is no unit of mass: a tablet, a millilitre."""
    if not unit or len(unit) > _LONGEST_UNIT:
        return None
    try:
        return factor(unit, MASS)
    except NotUcum:
        return None
