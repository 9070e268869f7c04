"""Worked patients: synthetic charts, one for each question the rules answer, shipped with the service."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files

import msgspec

FILE = "worked.json"


class Worked(msgspec.Struct, frozen=True):
    """A synthetic patient: who it is, the day to look, and the chart as a FHIR Bundle."""

    id: str
    title: str
    today: date
    chart: msgspec.Raw


@cache
def worked() -> tuple[Worked, ...]:
    """Return every worked patient, in the order they are told."""
    text = files("service.compare").joinpath(FILE).read_bytes()
    return tuple(msgspec.json.decode(text, type=list[Worked]))


def written(patients: list[Worked]) -> str:
    """Return the file of worked patients, one a line so that a change shows as one line."""
    return "[\n" + ",\n".join(msgspec.json.encode(patient).decode() for patient in patients) + "\n]\n"
