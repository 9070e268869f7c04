"""What a laboratory printed for one test: value, range and flag, worked out once for all results printed alike.

What is remembered is a number with its unit, bounded in number and length; whose it was is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

from msgspec import Raw

from service.domain.index import CodeIndex, TestCode
from service.fhir.decoding import decode_quantity
from service.fhir.measures import ARBITRARY, Printed, Refused, answer, titre, units_of, value_of, written
from service.fhir.remembered import Remembered
from service.fhir.shapes import CodeableConcept, Measured, Observation, Quantity
from service.fhir.vocabulary import Asked, Vocabulary

#: How many values are remembered, and how long what is written of one may be.
MOST, LONGEST = 16384, 4096
#: What a code asks, and a quantity, its flags and its ranges as JSON.
_Written = tuple[Asked, bytes, bytes, bytes]


def _is_short(written: _Written) -> bool:
    return sum(map(len, written[1:])) <= LONGEST


class Values:
    """The values seen so far, by the JSON that they were written in."""

    def __init__(self, index: CodeIndex, words: Vocabulary) -> None:
        """Begin with the units alone."""
        self.index, self.words, self.units = index, words, units_of(index)
        self._remembered: Remembered[_Written, Printed | str] = Remembered(self._quantified, MOST, _is_short)

    def read(self, part: Measured, asked: Asked) -> Printed | str:
        """Return what was printed as a Quantity, or why it cannot be used, and do not remember it."""
        return self._judged(part, asked, decode_quantity.decode(part.valueQuantity))

    def of(self, part: Observation | Measured, asked: Asked) -> Printed | str:
        """Return what was printed, or why it cannot be used; raises what decoding raises."""
        quantity = bytes(part.valueQuantity)
        if not quantity or quantity == b"null":
            return self._judged(part, asked, None)
        return self._remembered[asked, quantity, bytes(part.interpretation), bytes(part.referenceRange)]

    def _quantified(self, written: _Written) -> Printed | str:
        asked, quantity, flags, ranges = written
        part = Measured(valueQuantity=Raw(quantity), interpretation=Raw(flags), referenceRange=Raw(ranges))
        return self.read(part, asked)

    def _judged(self, part: Observation | Measured, asked: Asked, quantity: Quantity | None) -> Printed | str:
        codes = asked.tests
        flag, positive = self.words.flag[bytes(part.interpretation)]
        if codes[0].property not in ARBITRARY:
            positive = None
        try:
            found = self._measured(quantity, part.referenceRange, codes) if quantity else self._written(part, codes)
        except Refused as refused:
            return str(refused)
        if isinstance(found, Printed):
            return found._replace(positive=positive, flag=flag)
        if found is not None:
            positive = found
        if positive is None and flag is None:
            return "it has no value that can be read"
        return Printed(_answered(positive), None, positive, flag)

    def _written(self, part: Observation | Measured, codes: tuple[TestCode, ...]) -> Printed | bool | None:
        """Return a value that is no Quantity, or for a test that has one the answer in words."""
        answered, ranges = codes[0].property in ARBITRARY, part.referenceRange
        texts = [part.valueString] if part.valueString else []
        if part.valueCodeableConcept is not None:
            texts += [t for t in (part.valueCodeableConcept.text, *displays(part.valueCodeableConcept)) if t]
        for text in texts:
            said = answer(text, self.index) if answered else None
            if said is not None:
                return said
            quantity = (titre(text) if answered else None) or written(text)
            if quantity is not None:
                return self._measured(quantity, ranges, codes)
        if part.valueInteger is not None:
            return self._measured(Quantity(Decimal(part.valueInteger)), ranges, codes)
        return part.valueBoolean if answered else None

    def _measured(self, quantity: Quantity, ranges: Raw, codes: tuple[TestCode, ...]) -> Printed:
        """Return the value by the first of a test's codes that its unit can belong to."""
        for code in codes[:-1]:
            with suppress(Refused):
                return value_of(quantity, ranges, code, self.units)
        return value_of(quantity, ranges, codes[-1], self.units)


def displays(concept: CodeableConcept) -> Iterator[str | None]:
    """Yield how each coding calls it."""
    return (coding.display for coding in concept.coding)


def _answered(positive: bool | None) -> str:
    if positive is None:
        return "flagged by the laboratory"
    return "positive" if positive else "negative"
