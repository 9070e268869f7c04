"""The codes of a fact, from the tables beside this file, and the choice among alternatives."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

SYSTEMS = {
    "sct": "http://snomed.info/sct",
    "cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "rx": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "dmd": "https://dmd.nhs.uk",
    "loinc": "http://loinc.org",
}
# Codes for neurology that B12 deficiency explains; cord degeneration is kept for a strong picture.
ATTRIBUTABLE = (
    "paraesthesia",
    "unsteady",
    "abnormal_gait",
    "ataxia",
    "peripheral_neuropathy",
    "numbness",
    "proprioceptive_loss",
    "myelopathy",
    "optic_neuropathy",
)
SYMPTOMS_WITH_CODE = {
    "memory_difficulty": "memory",
    "cognition": "cognition",
    "glossitis_coded": "glossitis_coded",
}

Option = TypeVar("Option")
Concept = dict[str, Any]


class Choice:
    """Picks among alternatives, and remembers how many there were at most."""

    def __init__(self, pick: Callable[[int], int]) -> None:
        self._pick = pick
        self.widest = 1

    @classmethod
    def nth(cls, number: int) -> Choice:
        return cls(lambda count: number % count)

    @classmethod
    def seeded(cls, seed: int) -> Choice:
        return cls(random.Random(seed).randrange)

    def of(self, options: Sequence[Option]) -> Option:
        self.widest = max(self.widest, len(options))
        return options[self._pick(len(options))]


@cache
def table(name: str) -> dict[str, Any]:
    """One table of facts, as written."""
    path = Path(__file__).parent / "facts" / f"{name}.yaml"
    decoded: dict[str, Any] = msgspec.yaml.decode(path.read_bytes())
    return decoded


def coding(system: str, code: str, display: str) -> Concept:
    return {"system": SYSTEMS[system], "code": code, "display": display}


def concepts(kind: str, fact: str) -> list[Concept]:
    """Every way the fact is coded; one without a verified code is text."""
    words = fact.replace("_", " ")
    ways = table(kind).get(fact)
    if ways is None:
        return [{"text": words}]
    return [{"coding": [coding(*each) for each in way], "text": words} for way in ways]


def attributable_neurology() -> list[Concept]:
    return [concept for fact in ATTRIBUTABLE for concept in concepts("conditions", fact)]


def loincs(analyte: str, unit: str) -> list[str]:
    """The codes an analyte carries in this unit."""
    units: dict[str, list[str]] = table("laboratory")[analyte]
    return units[unit]
