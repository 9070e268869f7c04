"""Which results count today, and what each says: decisions, section 2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from service.domain.protocol import Band, Limits, Protocol
from service.domain.record import Flag, Record, Result, months_before
from service.domain.terms import Analyte
from service.domain.therapy import Therapy


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


@dataclass(frozen=True, slots=True)
class Reading:
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


def window(limits: Limits, analyte: Analyte, today: date) -> Window:
    """Return the window in which a test's results count."""
    match analyte:
        case Analyte.B12 | Analyte.ACTIVE_B12:
            oldest = months_before(today, limits.b12_months)
        case Analyte.MMA:
            oldest = months_before(today, limits.mma_months)
        case Analyte.HOMOCYSTEINE:
            oldest = months_before(today, limits.homocysteine_months)
        case Analyte.FOLATE:
            oldest = months_before(today, limits.folate_months)
        case Analyte.EGFR:
            oldest = months_before(today, limits.egfr_months)
        case Analyte.INR:
            oldest = today - timedelta(days=limits.inr_days)
        case Analyte.PLATELETS:
            oldest = today - timedelta(days=limits.platelets_days)
        case Analyte.POTASSIUM:
            oldest = today - timedelta(days=limits.potassium_days)
        case (
            Analyte.HAEMOGLOBIN
            | Analyte.HAEMATOCRIT
            | Analyte.MCV
            | Analyte.RETICULOCYTES
            | Analyte.RETICULOCYTE_COUNT
            | Analyte.WHITE_CELLS
            | Analyte.FILM
        ):
            oldest = months_before(today, limits.blood_count_months)
        case _:
            oldest = date.min  # antibodies never age
    return Window(today, oldest)


def in_date(record: Record, limits: Limits, analyte: Analyte, today: date) -> tuple[Result, ...]:
    """Return the results of a test whose date counts, newest first."""
    frame = window(limits, analyte, today)
    return tuple(r for r in record.of(analyte) if frame.aside(r) is None)


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


def is_low(result: Result, limit: Decimal) -> bool | None:
    """Return whether a result is low: by the laboratory's flag or range first, else by the limit."""
    if result.flag is not None:
        return result.flag is Flag.LOW
    if result.measure is None:
        return None
    return result.measure.below(result.range_low if result.range_low is not None else limit)


def is_positive(result: Result) -> bool | None:
    """Return whether an antibody or film is positive: stated, or above the laboratory's range or flagged high."""
    if result.positive is not None:
        return result.positive
    if result.flag is not None:
        return result.flag is Flag.HIGH
    if result.measure is not None and result.range_high is not None:
        return result.measure.above(result.range_high)
    return None
