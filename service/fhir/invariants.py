"""FHIR R4's own invariants of the data types orders are made of, which fhir.resources does not check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from service.ucum import NotUcum, factor

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_MEALS = frozenset({"C", "CM", "CD", "CV"})
#: FHIR's EventTiming, which fhir.resources does not name.
WHEN = (
    _MEALS
    | {"MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE", "EVE.early", "EVE.late"}
    | {"NIGHT", "PHS", "HS", "WAKE", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"}
)
_ENDS_IN_TYPE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?$")
_LOGICAL = re.compile(r"^(?:urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|urn:oid:[0-2](?:\.[0-9]+)+|#.+)$")


def is_ucum(code: str) -> bool:
    """Return whether a code is a unit of UCUM."""
    try:
        # Compared with another unit: a unit and itself are equal without being parsed.
        factor(code, "%" if code == "1" else "1")
    except NotUcum:
        return False
    return True


def _repeat(node: Json) -> Iterator[str]:
    if "duration" in node and "durationUnit" not in node:
        yield "duration without durationUnit (tim-1)"
    if "period" in node and "periodUnit" not in node:
        yield "period without periodUnit (tim-2)"
    if node.get("duration", 0) < 0:
        yield "a negative duration (tim-4)"
    if node.get("period", 0) < 0:
        yield "a negative period (tim-5)"
    for most, least, rule in (
        ("periodMax", "period", "tim-6"),
        ("durationMax", "duration", "tim-7"),
        ("countMax", "count", "tim-8"),
        ("frequencyMax", "frequency", "the highest needs the lowest"),
    ):
        if most in node and least not in node:
            yield f"{most} without {least} ({rule})"
        elif most in node and node[most] < node[least]:
            yield f"{most} is less than {least}"
    when = node.get("when", ())
    if "offset" in node and (not when or _MEALS & set(when)):
        yield "offset without a when that it can be counted from (tim-9)"
    if when and "timeOfDay" in node:
        yield "when and timeOfDay together (tim-10)"
    yield from (f"when {word} is not one of FHIR's" for word in when if word not in WHEN)


def _quantity(node: Json) -> Iterator[str]:
    system, code = node.get("system"), node.get("code")
    if "value" not in node:
        yield "a quantity without a value"
    if node.get("comparator", "<") not in COMPARATORS:
        yield f"comparator {node['comparator']} is not one of {', '.join(sorted(COMPARATORS))}"
    if code is not None and system is None:
        yield "a unit code without its system (qty-3)"
    if system is not None and code is None:
        yield "a unit system without a code"
    if system == UCUM and code is not None and not is_ucum(code):
        yield f"{code} is not a UCUM unit"


def _duration(node: Json) -> Iterator[str]:
    yield from _quantity(node)
    code = node.get("code")
    if node.get("system") != UCUM or code is None or (is_ucum(code) and factor(code, "s") is None):
        yield "a duration needs a UCUM unit of time (drt-1)"


def _range(node: Json) -> Iterator[str]:
    low, high = node.get("low"), node.get("high")
    for end in filter(None, (low, high)):
        yield from _simple(end)
    if low and high and low.get("code") != high.get("code"):
        yield "low and high in two units (rng-2)"
    elif low and high and low.get("value", 0) > high.get("value", 0):
        yield "low is above high (rng-2)"


def _simple(node: Json) -> Iterator[str]:
    if "comparator" in node:
        yield "a comparator where none may be (sqt-1)"


def _dose(node: Json) -> Iterator[str]:
    amounts = [node.get("doseQuantity"), *(node.get("doseRange", {}).get(end) for end in ("low", "high"))]
    for amount in filter(None, amounts):
        if amount.get("value", 1) <= 0:
            yield "a dose that is not above zero"
    yield from _simple(node.get("doseQuantity", {}))


def _dispense(node: Json) -> Iterator[str]:
    quantity = node.get("quantity", {})
    yield from _simple(quantity)
    if quantity.get("value", 1) <= 0:
        yield "a supply that is not above zero"


def _period(node: Json) -> Iterator[str]:
    start, end = node.get("start"), node.get("end")
    # Of two precisions only the common part can be compared.
    if start and end and start[: min(len(start), len(end))] > end[: min(len(start), len(end))]:
        yield "it ends before it starts (per-1)"


def _coding(node: Json) -> Iterator[str]:
    if "system" not in node or "code" not in node:
        yield "a coding without system or code names nothing"


def _concept(node: Json) -> Iterator[str]:
    if "coding" not in node and "text" not in node:
        yield "neither coding nor text"


def _reference(node: Json) -> Iterator[str]:
    reference = node.get("reference")
    if reference is None and "identifier" not in node and "display" not in node:
        yield "a reference to nothing"
    if reference is not None and not _LOGICAL.match(reference) and target(node) is None:
        yield f"{reference} is no reference: Type/id, a URL, urn:uuid: or #id"
    if "type" in node and target(node) not in (None, node["type"]):
        yield f"says it is a {node['type']} and refers to a {target(node)}"


def target(reference: Json) -> str | None:
    """Return the type a reference points to, or None when it does not say."""
    found = _ENDS_IN_TYPE.search(reference.get("reference", ""))
    return found.group(1) if found else reference.get("type")


#: What must hold of a data type beside its shape, by the type's FHIR name.
INVARIANTS: dict[str, Callable[[Json], Iterator[str]]] = {
    "TimingRepeat": _repeat,
    "Quantity": _quantity,
    "Duration": _duration,
    "Range": _range,
    "DosageDoseAndRate": _dose,
    "MedicationRequestDispenseRequest": _dispense,
    "Period": _period,
    "Coding": _coding,
    "CodeableConcept": _concept,
    "Reference": _reference,
}
