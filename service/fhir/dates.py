"""FHIR dates of every shape, as the first and the last day they can mean."""

from __future__ import annotations

import re
from datetime import date, timedelta

from service.domain.record import When
from service.fhir.shapes import Period

_SHAPE = re.compile(r"^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(T[0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?$")


class NotADate(ValueError):
    """The text is no FHIR date, dateTime or instant."""


def when(text: str) -> When:
    """Return the days a FHIR date, dateTime or instant can mean, as written where it was written."""
    if len(text) >= 10:
        try:
            day = date.fromisoformat(text[:10])
        except ValueError as error:
            raise NotADate from error
        if len(text) > 10 and text[10] != "T":
            raise NotADate
        return When(day, day)
    found = _SHAPE.match(text)
    if not found:
        raise NotADate
    year, month = int(found[1]), found[2]
    try:
        if month is None:
            return When(date(year, 1, 1), date(year, 12, 31))
        first = date(year, int(month), 1)
    except ValueError as error:
        raise NotADate from error
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return When(first, following - timedelta(days=1))


def span(period: Period) -> When | None:
    """Return the days a Period covers; an open end leaves what is known."""
    start = when(period.start) if period.start else None
    end = when(period.end) if period.end else None
    if start and end:
        return When(start.earliest, end.latest)
    known = start or end
    return When(known.earliest, known.latest) if known else None


def first(*texts: str | None) -> When | None:
    """Return the first date that is given."""
    for text in texts:
        if text:
            return when(text)
    return None


def start_of(text: str | None) -> date | None:
    """Return the first day a date can mean, or None when it is absent or no date."""
    try:
        return when(text).earliest if text else None
    except NotADate:
        return None


def end_of(text: str | None) -> date | None:
    """Return the last day a date can mean, or None when it is absent or no date."""
    try:
        return when(text).latest if text else None
    except NotADate:
        return None
