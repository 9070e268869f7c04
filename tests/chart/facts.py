"""What can be said of a patient in a vignette; an unknown word is an error."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

Number = int | float


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A closed record: a misspelt key is refused, never dropped."""


class Lab(_Said, frozen=True, kw_only=True):
    """A laboratory result; a word as value is a qualitative result."""

    analyte: str
    value: Number | str
    unit: str = ""
    comparator: str | None = None
    range_low: Number | None = None
    range_high: Number | None = None
    flag: str | None = None
    status: str = "final"
    loinc: str | None = None
    days_ago: int = 5
    dated: date | None = None


class Problem(_Said, frozen=True, kw_only=True):
    """A problem-list entry that is not simply active and confirmed."""

    name: str
    clinical: str = "active"
    verification: str = "confirmed"
    days_ago: int | None = None
    ended_days_ago: int | None = None


class Operation(_Said, frozen=True, kw_only=True):
    """A procedure, by default done five years ago."""

    name: str
    status: str = "completed"
    days_ago: int = 5 * 365


class Medicine(_Said, frozen=True, kw_only=True):
    """A course of a medicine: started so many months ago, and perhaps ended."""

    name: str
    months: Number | None = None
    ended_months_ago: Number | None = None
    start: date | None = None
    end: date | None = None


class Injection(_Said, frozen=True, kw_only=True):
    """A single dose that was given, as a MedicationAdministration; `dose` is a number and a unit."""

    name: str
    days_ago: int
    dose: tuple[Number, str] | None = None


class Allergy(_Said, frozen=True, kw_only=True):
    """An allergy or intolerance; a substance without a verified code is text."""

    name: str
    clinical: str = "active"
    verification: str = "confirmed"


class Therapy(_Said, frozen=True, kw_only=True):
    """A B12 product the patient is on; `every` is a number and a UCUM unit."""

    product: str
    every: tuple[Number, str]
    months: Number
    reported: bool = False
    status: str = "active"
    intent: str = "order"
    ended_days_ago: int | None = None


class Facts(_Said, frozen=True, kw_only=True):
    """A patient in facts; what is not said is not known."""

    age: int | None = None
    birthday: Literal["today", "tomorrow"] | None = None
    sex: Literal["F", "M"] = "F"
    deceased: bool = False
    black_ethnicity: bool = False
    pregnant: bool = False
    breastfeeding: bool = False
    diet: Literal["vegan"] | None = None
    n2o: Literal["recreational_current"] | None = None
    neuro: bool = False
    symptoms: tuple[str, ...] = ()
    strong_picture: tuple[Literal["SCD_on_MRI", "megaloblastic_film", "IF_Ab_positive"], ...] = ()
    risk: tuple[str, ...] = ()
    poor_adherence: bool = False
    conditions: tuple[str | Problem, ...] = ()
    procedures: tuple[str | Operation, ...] = ()
    medicines: tuple[Medicine, ...] = ()
    given: tuple[Injection, ...] = ()
    allergies: tuple[str | Allergy, ...] = ()
    on_b12: Therapy | None = None
    labs: tuple[tuple[str, Number | str, str] | Lab, ...] = ()
