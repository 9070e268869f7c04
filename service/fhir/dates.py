"""FHIR dates of every shape, as the first and the last day they can mean."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from service.domain.record import When
from service.fhir.remembered import Remembered
from service.fhir.shapes import Period

_VAGUE = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")


#: With every digit and zone that a date can have.
_LONGEST = 64


class NotADate(ValueError):
    """The text is no FHIR date, dateTime or instant."""


def when(text: str) -> When:
    """Return the days a FHIR date, dateTime or instant can mean, as written where it was written."""
    return WHEN[text]


def _read(text: str) -> When:
    if len(text) < 10:
        return _vague(text)
    # fromisoformat alone would also take a week date: 2024-W05-1.
    if text[4] != "-" or text[7] != "-" or (len(text) > 10 and text[10] != "T"):
        raise NotADate
    try:
        day = date.fromisoformat(text[:10])
    except ValueError as error:
        raise NotADate from error
    return When(day, day)


#: What dates mean, by how they are written; raises NotADate for what is none.
WHEN: Remembered[str, When] = Remembered(_read, 4096, lambda text: len(text) <= _LONGEST)


def _vague(text: str) -> When:
    found = _VAGUE.fullmatch(text)
    if not found:
        raise NotADate
    year, month = int(found[1]), int(found[2] or 1)
    try:
        first, last_month = date(year, month, 1), date(year, int(found[2] or 12), 1)
    except ValueError as error:
        raise NotADate from error
    return When(first, last_month.replace(day=monthrange(last_month.year, last_month.month)[1]))


def span(period: Period) -> When | None:
    """Return the days a Period covers; an open end leaves what is known, one that ends before it starts is no date."""
    start = when(period.start) if period.start else None
    end = when(period.end) if period.end else None
    if start and end:
        if end.latest < start.earliest:
            raise NotADate
        return When(start.earliest, end.latest)
    known = start or end
    return When(known.earliest, known.latest) if known else None


def when_or_none(text: str | None) -> When | None:
    """Return the days a date can mean, or None when it is absent or no date."""
    try:
        return when(text) if text else None
    except NotADate:
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
