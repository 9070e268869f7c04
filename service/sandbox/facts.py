"""The sandbox's data files, read once: patients, the codes of their facts, and what does not matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Table = Mapping[str, Any]
Dated = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LabFact:
    """One result: which analyte, its number or word, and how many days ago."""

    analyte: str
    value: float | str
    days: int


@dataclass(frozen=True, slots=True)
class SandboxPatient:
    """A synthetic patient as stated in patients.yaml; months and days count back from today."""

    id: str
    given: str
    family: str
    gender: str
    age: int
    shows: str
    conditions: tuple[Dated, ...]
    procedures: tuple[Dated, ...]
    medicines: tuple[Dated, ...]
    allergies: tuple[str, ...]
    labs: tuple[LabFact, ...]

    @property
    def name(self) -> str:
        """The name as a list shows it."""
        return f"{self.given} {self.family}"


@cache
def codes() -> Table:
    """How each fact looks in FHIR."""
    return _read("codes")


@cache
def background() -> Table:
    """What each chart carries besides."""
    return _read("background")


@cache
def patients() -> tuple[SandboxPatient, ...]:
    """Every patient of the sandbox, in the order of the file."""
    return tuple(_patient(stated) for stated in _read("patients")["patients"])


def _patient(stated: Table) -> SandboxPatient:
    given, family = stated["name"]
    return SandboxPatient(
        id=stated["id"],
        given=given,
        family=family,
        gender=stated["gender"],
        age=stated["age"],
        shows=stated["shows"],
        conditions=_dated(stated, "conditions"),
        procedures=_dated(stated, "procedures"),
        medicines=_dated(stated, "medicines"),
        allergies=tuple(stated.get("allergies", ())),
        labs=tuple(LabFact(analyte, value, days) for analyte, value, days in stated.get("labs", ())),
    )


def _dated(stated: Table, key: str) -> tuple[Dated, ...]:
    return tuple((fact, months) for fact, months in stated.get(key, ()))


def _read(name: str) -> Table:
    text = files("service.sandbox").joinpath("data", f"{name}.yaml").read_text(encoding="utf-8")
    table: Table = yaml.safe_load(text)
    return table
