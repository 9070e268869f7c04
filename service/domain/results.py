"""Which results count today, and what each says: decisions, section 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from service.domain.protocol import Band, Limits, Protocol
from service.domain.record import Flag, Record, Result, months_before
from service.domain.terms import Analyte
from service.domain.therapy import Therapy

_BLOOD_COUNT = (
    Analyte.HAEMOGLOBIN,
    Analyte.HAEMATOCRIT,
    Analyte.MCV,
    Analyte.RETICULOCYTES,
    Analyte.RETICULOCYTE_COUNT,
    Analyte.WHITE_CELLS,
    Analyte.FILM,
)
#: How long a result counts: slow tests by months, fast ones by days.
_MONTHS: Mapping[Analyte, Callable[[Limits], int]] = {
    Analyte.B12: lambda limits: limits.b12_months,
    Analyte.ACTIVE_B12: lambda limits: limits.b12_months,
    Analyte.MMA: lambda limits: limits.mma_months,
    Analyte.HOMOCYSTEINE: lambda limits: limits.homocysteine_months,
    Analyte.FOLATE: lambda limits: limits.folate_months,
    Analyte.RED_CELL_FOLATE: lambda limits: limits.folate_months,
    Analyte.EGFR: lambda limits: limits.egfr_months,
    Analyte.CREATININE: lambda limits: limits.egfr_months,
    Analyte.FERRITIN: lambda limits: limits.ferritin_months,
    Analyte.COELIAC_SEROLOGY: lambda limits: limits.cause_months,
    Analyte.TOTAL_IGA: lambda limits: limits.cause_months,
    Analyte.GASTRIN: lambda limits: limits.cause_months,
    Analyte.TSH: lambda limits: limits.cause_months,
    **dict.fromkeys(_BLOOD_COUNT, lambda limits: limits.blood_count_months),
}
_DAYS: Mapping[Analyte, Callable[[Limits], int]] = {
    Analyte.INR: lambda limits: limits.inr_days,
    Analyte.PLATELETS: lambda limits: limits.platelets_days,
    Analyte.POTASSIUM: lambda limits: limits.potassium_days,
    Analyte.PREGNANCY_TEST: lambda limits: limits.pregnancy_status_days,
}


class Aside(StrEnum):
    """Why a result was not used."""

    FUTURE = "dated in the future"
    OLD = "too old"
    ON_THERAPY = "taken on B12 therapy"
    BEFORE_THERAPY = "from before the B12 therapy"
    AFTER_INJECTION = "taken soon after an injection"
    UNDECIDABLE = "its comparator spans two bands"
    UNPAIRED = "too far from the B12 it should confirm"


class Marker(StrEnum):
    """What a functional marker says."""

    RAISED = "raised"
    BORDERLINE = "borderline"
    NORMAL = "normal"


class Reading(NamedTuple):
    """A marker result and what it says."""

    result: Result
    marker: Marker


@dataclass(frozen=True, slots=True)
class Window:
    """How old a result may be: months for slow tests, days for fast ones."""

    today: date
    oldest: date

    def aside(self, result: Result) -> Aside | None:
        """Return why the result's date rules it out, or None; a vague date counts only when surely inside."""
        if result.taken.earliest > self.today:
            return Aside.FUTURE
        return Aside.OLD if result.taken.earliest < self.oldest else None


@lru_cache(1024)
def window(limits: Limits, analyte: Analyte, today: date) -> Window:
    """Return the window in which a test's results count."""
    if analyte in _DAYS:
        return Window(today, today - timedelta(days=_DAYS[analyte](limits)))
    if analyte in _MONTHS:
        return Window(today, months_before(today, _MONTHS[analyte](limits)))
    return Window(today, date.min)  # intrinsic factor and parietal cell antibodies never age


def in_date(record: Record, limits: Limits, analyte: Analyte, today: date) -> tuple[Result, ...]:
    """Return the results of a test whose date counts, newest first."""
    results = record.of(analyte)
    if not results:
        return ()
    asked = (limits, analyte, today)
    known = record.counted.get(asked)
    if known is None:
        oldest = window(limits, analyte, today).oldest
        known = record.counted[asked] = tuple([r for r in results if oldest <= r.taken.earliest <= today])
    return known


def newest(results: tuple[Result, ...], *, worst_high: bool = False) -> Result | None:
    """Return the newest result; of several on one day the worst, which for most tests is the lowest."""
    if not results:
        return None
    same_day = [r for r in results if r.measure is not None and r.taken.latest == results[0].taken.latest]
    if not same_day:
        return results[0]
    return sorted(same_day, key=_value, reverse=worst_high)[0]


def _value(result: Result) -> Decimal:
    return result.measure.value if result.measure is not None else Decimal(0)


def b12_aside(result: Result, therapy: Therapy, frame: Window, *, severe: bool) -> Aside | None:
    """Return why a total or active B12 does not count (K1), or None when it does."""
    dated = frame.aside(result)
    if dated is not None:
        return dated
    if therapy.before(result.taken, injections_only=severe):
        return Aside.BEFORE_THERAPY
    return Aside.ON_THERAPY if therapy.taken_during(result.taken) else None


def marker_aside(result: Result, therapy: Therapy, frame: Window, *, severe: bool) -> Aside | None:
    """Return why an MMA or homocysteine does not count, or None when it does."""
    dated = frame.aside(result)
    if dated is not None:
        return dated
    return Aside.BEFORE_THERAPY if therapy.before(result.taken, injections_only=severe) else None


def band_of(result: Result, protocol: Protocol) -> Band | None:
    """Return the band a B12 result lies in, or None when the protocol gives it none."""
    lines = protocol.bands.get(result.analyte)
    if lines is None:
        return _laboratory_band(result)
    measure = result.measure
    line = lines.get(measure.unit) if measure else None
    if measure is None or line is None:
        return None
    if measure.below(line.low_below):
        return Band.LOW
    beyond = measure.at_least(line.unlikely) if line.unlikely_includes else measure.above(line.unlikely)
    if beyond:
        return Band.UNLIKELY
    surely_between = measure.below(line.low_below) is False and beyond is False
    return Band.INDETERMINATE if surely_between else None


def _laboratory_band(result: Result) -> Band | None:
    """Return low or unlikely by the laboratory's own flag or range; it has no band between."""
    if result.measure is not None and result.range_low is not None:
        below = result.measure.below(result.range_low)
        return None if below is None else Band.LOW if below else Band.UNLIKELY
    if result.flag is not None:
        return Band.LOW if result.flag is Flag.LOW else Band.UNLIKELY
    return None


def undecidable(result: Result, protocol: Protocol) -> bool:
    """Return whether only the comparator keeps the result from having a band."""
    return bool(result.measure and result.measure.comparator) and band_of(result, protocol) is None


def read_marker(result: Result, raised: Decimal, borderline: Decimal | None = None) -> Marker | None:
    """Return what a marker says: the laboratory's flag or range first, else the default limits."""
    if result.flag is not None:
        return Marker.RAISED if result.flag is Flag.HIGH else Marker.NORMAL
    if result.measure is None:
        return None
    if result.range_high is not None:
        return _by_limit(result.measure.above(result.range_high))
    above = result.measure.above(raised)
    if borderline is None or above:
        return _by_limit(above)
    low = result.measure.at_most(borderline)
    if low:
        return Marker.NORMAL
    return Marker.BORDERLINE if above is False and low is False else None


def _by_limit(above: bool | None) -> Marker | None:
    return None if above is None else Marker.RAISED if above else Marker.NORMAL


def is_low(result: Result, limit: Decimal | None) -> bool | None:
    """Return whether a result is low: by the laboratory's flag or range first, else by the limit, if there is one."""
    if result.flag is not None:
        return result.flag is Flag.LOW
    if result.measure is None:
        return None
    line = result.range_low if result.range_low is not None else limit
    return None if line is None else result.measure.below(line)


def is_positive(result: Result) -> bool | None:
    """Return whether an antibody or film is positive: stated, or above the laboratory's range or flagged high."""
    if result.positive is not None:
        return result.positive
    if result.flag is not None:
        return result.flag is Flag.HIGH
    if result.measure is not None and result.range_high is not None:
        return result.measure.above(result.range_high)
    return None
