"""How a medicine is taken: form, interval, dose, worked out once for all orders that are written alike."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeGuard

import msgspec

from service.domain.index import CodeIndex
from service.domain.orders import every_days
from service.domain.record import Form, Measure
from service.fhir import dates
from service.fhir.decoding import decode_dosage, decode_dosages
from service.fhir.doses import dose_of
from service.fhir.remembered import Remembered
from service.fhir.shapes import Dosage, Repeat
from service.fhir.vocabulary import Named, Vocabulary

_MOST, _LONGEST = 8192, 4096
#: No bound and no interval is sensibly longer or shorter, in any unit.
_LONGEST_TIME, _SHORTEST_TIME = Decimal(40_000), Decimal("0.001")
_WORD = re.compile(r"\w+")
#: Local words up to this length are found only as whole words.
_SHORT = 3


class Said(NamedTuple):
    """What an order says of how its medicine is taken, whoever takes it.

    `form` is the route's, where the product has none of its own; `dose` is one dose in the unit that doses are
    compared in; `local` and `antidote` are what all its words say. `begins` is the first day that a dosage is bound
    to; `ends` bounds every dosage, and is empty where one of them has no end.
    """

    begins: date | None
    ends: tuple[Repeat, ...]
    form: Form
    every_days: Decimal | None
    dose: Measure | None
    dose_unreadable: bool
    local: bool
    antidote: bool


#: A medicine's code and how it is taken, as JSON, and whether that is one dosage.
_Written = tuple[bytes, bytes, bool]


def _is_short(written: _Written) -> bool:
    return len(written[0]) + len(written[1]) <= _LONGEST


class Instructions:
    """The instructions seen so far, by the JSON that they and the medicine's code were written in."""

    def __init__(self, words: Vocabulary) -> None:
        """Begin knowing the words alone."""
        self.words = words
        self._remembered: Remembered[_Written, Said] = Remembered(self._coded, _MOST, _is_short)

    def of(self, named: Named, instruction: msgspec.Raw, *, one: bool) -> Said:
        """Return what is said of taking a medicine, in one dosage or a list of them; raises what decoding raises."""
        written, code = bytes(instruction), named.written
        return self._said(named, written, one=one) if code is None else self._remembered[code, written, one]

    def _coded(self, written: _Written) -> Said:
        code, instruction, one = written
        return self._said(self.words.medicine[code], instruction, one=one)

    def _said(self, named: Named, written: bytes, *, one: bool) -> Said:
        dosages, index = _dosages(written, one), self.words.index
        text = _words(named, dosages)
        try:
            dose, unreadable = dose_of(dosages, index.aliases), False
        except msgspec.DecodeError:
            dose, unreadable = None, True
        return Said(
            begins=_begins(dosages),
            ends=_ends(dosages),
            form=_form(dosages, text, index),
            every_days=_every(dosages),
            dose=dose,
            dose_unreadable=unreadable,
            local=_local(text, index),
            antidote=self.words.b12.antidote_in(text) is not None,
        )


def _dosages(written: bytes, one: bool) -> tuple[Dosage, ...]:
    """Return the dosages of an order, or the one of an administration."""
    if written in (b"", b"null"):
        return ()
    return (decode_dosage.decode(written),) if one else decode_dosages.decode(written)


def _begins(dosages: tuple[Dosage, ...]) -> date | None:
    """Return the first day of several dosages that are bound to days."""
    periods = (repeat.boundsPeriod for repeat in _repeats(dosages) if repeat is not None)
    starts = (dates.start_of(period.start) for period in periods if period is not None)
    return min((start for start in starts if start is not None), default=None)


def _ends(dosages: tuple[Dosage, ...]) -> tuple[Repeat, ...]:
    """Return what bounds each dosage, or nothing when one of them is not bounded."""
    bounded = [r for r in _repeats(dosages) if r is not None and (r.boundsPeriod or r.boundsDuration)]
    return tuple(bounded) if len(bounded) == len(dosages) else ()


def _repeats(dosages: tuple[Dosage, ...]) -> list[Repeat | None]:
    return [dosage.timing.repeat if dosage.timing else None for dosage in dosages]


def sensible(number: Decimal | None) -> TypeGuard[Decimal]:
    """Return whether a number of days, weeks or years can be computed with."""
    return number is not None and number.is_finite() and _SHORTEST_TIME < number < _LONGEST_TIME


def _every(dosages: tuple[Dosage, ...]) -> Decimal | None:
    for repeat in _repeats(dosages):
        if repeat and repeat.periodUnit and sensible(repeat.period):
            frequency = repeat.frequency if repeat.frequency and repeat.frequency > 0 else 1
            return every_days(frequency, repeat.period, repeat.periodUnit)
    return None


def _form(dosages: tuple[Dosage, ...], text: str, index: CodeIndex) -> Form:
    """Return how it is given: the route in codes first, then in words."""
    routes = index.routes
    for dosage in dosages:
        for coding in dosage.route.coding if dosage.route else ():
            form = routes.forms.get((coding.system or "", coding.code or ""))
            if form is not None:
                return Form(form)
    return next((Form(form) for word, form in routes.words if _says(text, word)), Form.UNKNOWN)


def _says(text: str, word: str) -> bool:
    return f" {word}" in f" {text}"


def _local(text: str, index: CodeIndex) -> bool:
    """Return whether the words say that it is put on one place; a short one must stand whole: ear is not early."""
    whole = {word.rstrip("s") for word in _WORD.findall(text)}
    return any(word in whole or (len(word) > _SHORT and _says(text, word)) for word in index.routes.local_words)


def _words(named: Named, dosages: tuple[Dosage, ...]) -> str:
    """Return all that is said of the medicine and how it is taken, in small letters."""
    parts = [named.words]
    for dosage in dosages:
        parts.append(dosage.text or "")
        if dosage.route:
            parts += [dosage.route.text or "", *[c.display or "" for c in dosage.route.coding]]
    return " ".join([part for part in parts if part]).lower()
