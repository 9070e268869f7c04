"""Results over time: one small chart an analyte and unit, on one time axis for the whole patient."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from service.sandbox.views import words
from service.sandbox.wire import Json

WIDTH, HEIGHT, EDGE = 152, 36, 4
FLAGS = {"L": "low", "LL": "low", "H": "high", "HH": "high", "A": "abnormal", "N": "normal"}


@dataclass(frozen=True, slots=True)
class Value:
    """One result: the day, what it says, and the laboratory's flag in a word."""

    day: str
    said: str
    flag: str


@dataclass(frozen=True, slots=True)
class Trend:
    """The results of one analyte, newest first, and their chart; `band` is the laboratory's own range (top, height)."""

    name: str
    values: tuple[Value, ...]
    points: tuple[tuple[float, float], ...]
    band: tuple[float, float] | None
    range: str

    @property
    def line(self) -> str:
        """The points as SVG's polyline has them, oldest first."""
        return " ".join(f"{x},{y}" for x, y in self.points)

    @property
    def spoken(self) -> str:
        """The chart in words."""
        told = "; ".join(f"{value.day}: {value.said}{f', {value.flag}' if value.flag else ''}" for value in self.values)
        return f"{self.name} over time: {told}"


def trends(observations: Iterable[Json], today: date) -> tuple[Trend, ...]:
    """One trend for each analyte and unit among results that come newest first; those with few words first."""
    by: dict[tuple[str, str], list[Json]] = {}
    for each in observations:
        unit = str((each.get("valueQuantity") or {}).get("unit") or "")
        by.setdefault((words(each.get("code")), unit), []).append(each)
    days = [day for found in by.values() for each in found if (day := _day(each)) is not None]
    start = min(days, default=today)
    return tuple(_trend(name, found, start, today) for (name, _), found in by.items())


def _trend(name: str, found: list[Json], start: date, today: date) -> Trend:
    drawn = [(day, float(number)) for each in found if (day := _day(each)) and (number := _number(each)) is not None]
    low, high = _range(found[0])
    scale = [value for _, value in drawn] + [end for end in (low, high) if end is not None]
    bottom, top = (min(scale), max(scale)) if scale else (0.0, 1.0)
    span = (top - bottom) or 1.0
    wide = max((today - start).days, 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - (value - bottom) / span * (HEIGHT - 2 * EDGE), 1)

    points = [
        (round(EDGE + (day - start).days / wide * (WIDTH - 2 * EDGE), 1), y(value)) for day, value in reversed(drawn)
    ]
    band = None
    if low is not None or high is not None:
        upper = y(high) if high is not None else 0.0
        lower = y(low) if low is not None else float(HEIGHT)
        band = (upper, round(lower - upper, 1))
    normal = f"{low if low is not None else ''} to {high if high is not None else ''}".strip() if band else ""
    return Trend(name, tuple(map(_value, found)), tuple(points), band, normal)


def _value(found: Json) -> Value:
    flag = next((c.get("code") for i in found.get("interpretation") or () for c in i.get("coding") or ()), "")
    return Value(str(found.get("effectiveDateTime") or "")[:10], said(found), FLAGS.get(str(flag), ""))


def said(found: Json) -> str:
    """A result in words: its number and unit, or its word."""
    if quantity := found.get("valueQuantity"):
        return f"{quantity.get('comparator', '')}{quantity.get('value')} {quantity.get('unit', '')}".strip()
    if "valueCodeableConcept" in found:
        return words(found["valueCodeableConcept"])
    return str(found.get("valueString") or "no value")


def _number(found: Json) -> float | None:
    value = (found.get("valueQuantity") or {}).get("value")
    return float(value) if isinstance(value, int | float) else None


def _day(found: Json) -> date | None:
    try:
        return date.fromisoformat(str(found.get("effectiveDateTime") or "")[:10])
    except ValueError:
        return None


def _range(found: Json) -> tuple[float | None, float | None]:
    stated: Json = next(iter(found.get("referenceRange") or ()), {})
    low, high = ((stated.get(end) or {}).get("value") for end in ("low", "high"))
    return low, high
