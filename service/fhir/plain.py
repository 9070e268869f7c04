"""What most of a chart is, in one loop: final results of one test, a quantity with a date.

`service.fhir.findings` reads any Observation, and what is said here is what it would say; most of a chart is read in
half the steps, because a plain result is known by all that was written of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from msgspec import Raw

from service.domain.record import Result, result_of
from service.domain.terms import Analyte
from service.fhir import dates
from service.fhir.findings import FINAL
from service.fhir.measures import Printed
from service.fhir.pages import UNFIT, Item
from service.fhir.remembered import Remembered
from service.fhir.shapes import NOT_TOLD, Measured, Observation
from service.fhir.values import LONGEST, MOST, Values
from service.fhir.vocabulary import NOTHING_ASKED, Vocabulary

_PIECES = attrgetter("resource.code", "resource.valueQuantity", "resource.interpretation", "resource.referenceRange")
#: What no piece of JSON holds.
_BETWEEN = b"\0"
#: What is known of how a code, a quantity, its flags and its ranges are written: the result; nothing that matters; or
#: that it needs a closer look.
_Said = tuple[Analyte, Printed] | tuple[()] | None


class PlainResults:
    """The results seen so far, by the JSON they were written in; whose they were is not in it."""

    def __init__(self, words: Vocabulary, values: Values) -> None:
        """Begin knowing none."""
        self._words, self._values = words, values
        self._said: Remembered[bytes, _Said] = Remembered(self._read, MOST, lambda written: len(written) <= LONGEST)

    def read(self, named: Mapping[str, Item], begins: str, results: list[Result]) -> dict[str, Item]:
        """Add the plain results among Observations, whose names begin alike; return those that need a closer look.

        Those whose codes ask nothing that is known are left out.
        """
        written = map(_BETWEEN.join, map(_PIECES, named.values()))
        # One kind of step for all before the next: what a processor does again and again it does faster.
        said_of_each = [*map(self._said.__getitem__, written)]
        days, plain, others = dates.WHEN, [], {}
        for (ends, item), said in zip(named.items(), said_of_each, strict=True):
            found: Observation = item.resource  # type: ignore[assignment]
            if said is not None and not found.component:
                if not said:
                    continue
                text = found.effectiveDateTime
                if text and found.status in FINAL and found.effectivePeriod is None:
                    try:
                        plain.append((said[0], begins + ends, days[text], *said[1]))
                        continue
                    except dates.NotADate:
                        pass
            others[ends] = item
        results.extend(map(result_of, plain))
        return others

    def _read(self, written: bytes) -> _Said:
        code, quantity, flags, ranges = written.split(_BETWEEN)
        try:
            asked = self._words.asked[code]
            if asked is NOTHING_ASKED:
                return ()
            if asked.plain is None or quantity in NOT_TOLD:
                return None
            part = Measured(valueQuantity=Raw(quantity), interpretation=Raw(flags), referenceRange=Raw(ranges))
            printed = self._values.read(part, asked)
        except UNFIT:
            return None
        return None if isinstance(printed, str) else (asked.plain, printed)
