"""Which B12 result decides: those that count, and of them the newest."""

from __future__ import annotations

from datetime import date

from service.domain.protocol import Band, Protocol
from service.domain.record import Record, Result
from service.domain.results import Aside, b12_aside, band_of, undecidable, window
from service.domain.terms import Analyte
from service.domain.therapy import Therapy


def eligible_b12(
    record: Record, protocol: Protocol, therapy: Therapy, today: date, *, severe: bool
) -> tuple[list[Result], tuple[tuple[Result, Aside], ...]]:
    """Return the results that count, and those that do not with the reason."""
    eligible: list[Result] = []
    aside: list[tuple[Result, Aside]] = []
    frame = window(protocol.limits, Analyte.B12, today)
    for result in (*record.of(Analyte.B12), *record.of(Analyte.ACTIVE_B12)):
        why = b12_aside(result, therapy, frame, severe=severe)
        if why is None and undecidable(result, protocol):
            why = Aside.UNDECIDABLE
        if why is None:
            eligible.append(result)
        else:
            aside.append((result, why))
    return eligible, tuple(aside)


def deciding_b12(eligible: list[Result], protocol: Protocol, *, pregnant: bool) -> tuple[Result | None, Band | None]:
    """Return the newest eligible B12 and its band; on one day the more deficient, in pregnancy active B12 first."""
    if pregnant:
        banded_active = [r for r in eligible if r.analyte is Analyte.ACTIVE_B12 and band_of(r, protocol)]
        totals = [r for r in eligible if r.analyte is Analyte.B12]
        eligible = banded_active or totals or eligible
    if not eligible:
        return None, None
    last = max(r.taken.latest for r in eligible)
    same_day = [(r, band_of(r, protocol)) for r in eligible if r.taken.latest == last]
    order = {Band.LOW: 0, Band.INDETERMINATE: 1, Band.UNLIKELY: 2, None: 3}
    return min(same_day, key=lambda pair: (order[pair[1]], pair[0].analyte, pair[0].resource))


def banded_active(eligible: list[Result], protocol: Protocol) -> Result | None:
    """Return the newest active B12 that counts and that the protocol has a band for."""
    return next((r for r in eligible if r.analyte is Analyte.ACTIVE_B12 and band_of(r, protocol)), None)
