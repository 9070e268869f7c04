"""A laboratory value in the unit the rules compare in; what cannot be trusted is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, cast

import msgspec

from service.domain.index import CodeIndex, TestCode
from service.domain.record import Flag, Measure
from service.fhir.decoding import decode_ranges
from service.fhir.shapes import CodeableConcept, Quantity, Range
from service.ucum import NotUcum, factor

_UCUM = "http://unitsofmeasure.org"
_WRITTEN = re.compile(r"^\s*([<>]=?|[≤≥])?\s*([0-9]+(?:\.[0-9]+)?)\s*(.*?)\s*$")
_TITRE = re.compile(r"^\s*([<>]=?)?\s*1\s*:\s*([0-9]+)\s*$")
_RANGE = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(?:-|–|to)\s*([0-9]+(?:\.[0-9]+)?)(?![0-9.])\s*(.*?)\s*$")
_COMPARATORS = ("<", "<=", ">", ">=")
_SIGNS = {"≤": "<=", "≥": ">="}
#: What an interpretation says, in codes and in words: a flag, or whether the result is positive.
_SAYS: Mapping[str | None, tuple[Flag | None, bool | None]] = {
    written: said
    for said, spellings in (
        ((Flag.HIGH, None), ("H", "HH", "HU", "High", "high")),
        ((Flag.LOW, None), ("L", "LL", "LU", "Low", "low")),
        ((Flag.NORMAL, None), ("N", "Normal", "normal")),
        ((None, True), ("POS", "DET", "RR", "Positive", "positive")),
        ((None, False), ("NEG", "ND", "NR", "Negative", "negative")),
    )
    for written in spellings
}
_SAYS_NOTHING = (None, None)
#: Properties whose unit is the laboratory's own affair.
ARBITRARY = frozenset({"arbitrary", "presence"})
#: No unit is longer, and no number has more digits before or behind its point.
_LONGEST_UNIT, _MOST_DIGITS = 64, 30
_LONGEST_RANGE = 2048
#: Spellings remembered; a chart cannot fill the memory with new ones.
_MOST_KEPT = 8192
_ONE = Decimal(1)
#: A test's analyte and property, and system, code and unit of what was measured.
_Spelling = tuple[str, str, str | None, str | None, str | None]
_Ends = tuple[Decimal | None, Decimal | None]
_ENDLESS: _Ends = (None, None)


class Refused(ValueError):
    """A value that cannot be used; the message says why without repeating who it belongs to."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How one written unit becomes the unit compared in."""

    unit: str
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Units:
    """The scales of every test, worked out once for each written unit."""

    aliases: Mapping[str, str]
    spelled: dict[tuple[str, str, str], Scale | Refused | None]
    settled: dict[_Spelling, Scale | Refused]
    ranges: dict[tuple[bytes, _Spelling], _Ends]

    def ends(self, piece: msgspec.Raw, spelling: _Spelling, code: TestCode, scale: Scale, measured: Quantity) -> _Ends:
        """Return the laboratory's range in the unit compared in; it prints the same one beside many results."""
        written = bytes(piece)
        if not written:
            return _ENDLESS
        found = self.ranges.get((written, spelling))
        if found is None:
            found = _range(decode_ranges.decode(written) or (), code, self, scale, measured)
            if len(self.ranges) < _MOST_KEPT and len(written) < _LONGEST_RANGE:
                self.ranges[written, spelling] = found
        return found

    def scale(self, spelling: _Spelling, code: TestCode, quantity: Quantity) -> Scale:
        """Return the scale for a value's unit; raises Refused when the unit cannot belong to the code."""
        found = self.settled.get(spelling)
        if found is None:
            found = self._settle(code, quantity)
            if len(self.settled) < _MOST_KEPT and len(f"{spelling}") < 4 * _LONGEST_UNIT:
                self.settled[spelling] = found
        if type(found) is Refused:
            raise Refused(str(found))
        return cast("Scale", found)

    def _settle(self, code: TestCode, quantity: Quantity) -> Scale | Refused:
        """Return what a value's unit and its code agree on."""
        if code.property in ARBITRARY:
            return Scale(quantity.unit or quantity.code or code.test.units[code.property], _ONE)
        coded = quantity.code if quantity.code and quantity.system in (_UCUM, None) else None
        unit = quantity.unit if quantity.unit and quantity.unit != coded else None
        texts = [text for text in (coded, unit) if text is not None]
        scales = [scale for text in texts if (scale := self._spelled(code, text)) is not None]
        refused = next((scale for scale in scales if isinstance(scale, Refused)), None)
        if refused is not None:
            return refused
        if len(scales) == 2 and scales[0] != scales[1]:
            return Refused(f"its unit is written {unit} and coded {coded}")
        if scales:
            return scales[0]
        if texts:
            return Refused(f"the unit {texts[0][:_LONGEST_UNIT]} is not UCUM")
        if code.property == "ratio":
            return Scale(code.test.units[code.property], _ONE)
        return Refused("it has no unit")

    def _spelled(self, code: TestCode, text: str) -> Scale | Refused | None:
        """Return the scale of one written unit, or None when it is no unit."""
        if len(text) > _LONGEST_UNIT:
            return None
        key = (code.test.analyte, code.property, text)
        if key not in self.spelled:
            found = self._work_out(code, text)
            if len(self.spelled) >= _MOST_KEPT:
                return found
            self.spelled[key] = found
        return self.spelled[key]

    def _work_out(self, code: TestCode, text: str) -> Scale | Refused | None:
        unit = self.aliases.get(text, text)
        own = code.test.units[code.property]
        try:
            times = factor(unit, own)
        except NotUcum:
            return None
        if times is None:
            return Refused(f"the unit {text} cannot measure {code.property} of {code.test.title}")
        bridge = code.test.bridges.get(own)
        return Scale(bridge[0], times * bridge[1]) if bridge else Scale(own, times)


def units_of(index: CodeIndex) -> Units:
    """Return the units with every usual spelling worked out at start, so that no request waits for it."""
    units = Units(index.aliases, {}, {}, {})
    for code in index.tests.values():
        if code.property not in ARBITRARY:
            for text in {*code.test.units.values(), *index.aliases, *_USUAL}:
                units._spelled(code, text)
    return units


_USUAL = ("pg/mL", "ng/L", "ng/mL", "pmol/L", "umol/L", "nmol/L", "g/dL", "g/L", "mmol/L", "ug/L", "10*3/uL", "%", "1")


class Printed(NamedTuple):
    """One result without whose and when: as printed, for the rules, and with the laboratory's range and flag."""

    shown: str
    measure: Measure | None = None
    positive: bool | None = None
    flag: Flag | None = None
    low: Decimal | None = None
    high: Decimal | None = None


def value_of(quantity: Quantity, ranges: msgspec.Raw, code: TestCode, units: Units) -> Printed:
    """Return a quantity in the unit compared in; raises Refused for what cannot be trusted."""
    number, comparator = quantity.value, quantity.comparator or ""
    if number is None:
        raise Refused("it has no value")
    if not number.is_finite() or not -_MOST_DIGITS < number.adjusted() < _MOST_DIGITS:
        raise Refused("its value is not a number that can be used")
    if comparator and comparator not in _COMPARATORS:
        raise Refused(f"the comparator {comparator} is not known")
    spelling = _spelled(code, quantity)
    scale = units.scale(spelling, code, quantity)
    measure = Measure(number * scale.factor, scale.unit, comparator)
    limits = code.test.plausible.get(scale.unit)
    if limits is None or comparator or not limits[0] <= measure.value <= limits[1]:
        _plausible(measure, limits, code, quantity)
    low, high = units.ends(ranges, spelling, code, scale, quantity)
    shown = f"{comparator}{number!s} {quantity.unit or quantity.code or ''}".rstrip()
    if len(shown) > _MOST_DIGITS + _LONGEST_UNIT:
        raise Refused("its value is not a number that can be used")
    return Printed(shown, measure, low=low, high=high)


def _spelled(code: TestCode, quantity: Quantity) -> _Spelling:
    return code.test.analyte, code.property, quantity.system, quantity.code, quantity.unit


def _sane(value: Decimal) -> bool:
    """Return whether a number can be computed with."""
    return value.is_finite() and -_MOST_DIGITS < value.adjusted() < _MOST_DIGITS


def titre(text: str) -> Quantity | None:
    """Return the 40 of a titre written 1:40, or None when the text is none."""
    found = _TITRE.match(text)
    return Quantity(Decimal(found[2]), found[1]) if found else None


def written(text: str) -> Quantity | None:
    """Return the quantity in a text such as `<50 ng/L`, or None when the text is no number."""
    found = _WRITTEN.match(text)
    if found is None:
        return None
    return Quantity(Decimal(found[2]), _SIGNS.get(found[1], found[1]), found[3] or None)


def _plausible(measure: Measure, limits: tuple[Decimal, Decimal] | None, code: TestCode, quantity: Quantity) -> None:
    """Refuse what no patient can have."""
    if limits is None:
        credible = code.property in ARBITRARY or measure.value >= 0
    elif measure.comparator == "":
        credible = limits[0] <= measure.value <= limits[1]
    else:
        credible = measure.value > 0 and (measure.value <= limits[1] or measure.comparator.startswith("<"))
    if not credible:
        raise Refused(f"{quantity.value} {quantity.unit or quantity.code or ''} is not plausible for {code.test.title}")


def _range(ranges: tuple[Range, ...], code: TestCode, units: Units, scale: Scale, measured: Quantity) -> _Ends:
    """Return the laboratory's range, when it gives one that is for everybody."""
    general = ranges if len(ranges) == 1 else [r for r in ranges if not r.appliesTo]
    if len(general) != 1:
        return None, None
    only = general[0]
    if only.low is None and only.high is None and only.text:
        only = _read_range(only.text)
    low, high = _end(only.low, code, units, scale, measured), _end(only.high, code, units, scale, measured)
    # 0 to 0 is how some systems send that there is no range.
    senseless = high is not None and (high <= 0 or (low is not None and low > high))
    return (None, None) if senseless else (low, high)


def _read_range(text: str) -> Range:
    """Return the range in a text such as `180-914 ng/L` or `<0.40`; what stands behind the numbers is their unit."""
    both = _RANGE.match(text)
    if both:
        unit = both[3] or None
        return Range(Quantity(Decimal(both[1]), unit=unit), Quantity(Decimal(both[2]), unit=unit))
    one = written(text)
    if one is None or not one.comparator:
        return Range()
    return Range(high=one) if one.comparator.startswith("<") else Range(low=one)


def _end(quantity: Quantity | None, code: TestCode, units: Units, scale: Scale, measured: Quantity) -> Decimal | None:
    """Return one end of a range, by the scale of the value where its unit is written alike."""
    if quantity is None or quantity.value is None or not _sane(quantity.value):
        return None
    unit, coded = quantity.unit, quantity.code
    alike = unit == measured.unit and coded == measured.code and quantity.system == measured.system
    if alike or (unit is None and coded is None):
        return quantity.value * scale.factor
    try:
        own = units.scale(_spelled(code, quantity), code, quantity)
    except Refused:
        return None
    return quantity.value * own.factor if own.unit == scale.unit else None


def flag_of(interpretation: Iterable[CodeableConcept]) -> tuple[Flag | None, bool | None]:
    """Return the laboratory's flag, and whether it calls the result positive."""
    for concept in interpretation:
        for coding in concept.coding:
            said = _SAYS.get(coding.code)
            if said is not None:
                return said
        said = _SAYS.get(concept.text)
        if said is not None:
            return said
    return _SAYS_NOTHING


def answer(text: str, index: CodeIndex) -> bool | None:
    """Return whether words say positive or negative, or None when they say neither."""
    words = text.strip().lower()
    if any(_begins(words, word) for word in index.routes.negative_words):
        return False
    return True if any(_begins(words, word) for word in index.routes.positive_words) else None


def _begins(words: str, word: str) -> bool:
    """Return whether a text begins with a whole word: `pos`, but not `possible interference`."""
    return words.startswith(word) and not words[len(word) : len(word) + 1].isalnum()
