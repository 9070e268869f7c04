"""How codes become facts: what the reader of FHIR is handed, so that it needs to know no mapping file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from service.domain.record import Concept
from service.domain.terms import Analyte, Route

_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Test:
    """A laboratory test: the unit compared in for each property, what is plausible, cited bridges."""

    analyte: Analyte
    title: str
    units: Mapping[str, str]
    plausible: Mapping[str, tuple[Decimal, Decimal]]
    bridges: Mapping[str, tuple[str, Decimal]]


@dataclass(frozen=True, slots=True)
class TestCode:
    """What a laboratory code measures, and which property of it."""

    test: Test
    property: str


@dataclass(frozen=True, slots=True)
class RouteIndex:
    """How orders say by which route, and how laboratories say positive or negative, in codes and words."""

    forms: Mapping[tuple[str, str], str]
    words: tuple[tuple[str, str], ...]
    coding: Mapping[Route, tuple[str, str, str]]
    local_words: tuple[str, ...]
    positive_words: tuple[str, ...]
    negative_words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeIndex:
    """Every code the service knows, by system and code; `emittable` names the verified ones.

    `ingredients` are the names of medicines, each under its first word.
    """

    concepts: Mapping[tuple[str, str], Concept]
    below: tuple[tuple[str, str, Concept], ...]
    words: tuple[tuple[str, Concept], ...]
    tests: Mapping[tuple[str, str], TestCode]
    aliases: Mapping[str, str]
    emittable: Mapping[tuple[str, str], str]
    routes: RouteIndex
    ingredients: Mapping[str, tuple[tuple[str, Concept], ...]] = field(default_factory=dict)

    def concept(self, system: str, code: str) -> Concept | None:
        """Return what a code is; classifications are matched with or without their dot, and below a chapter."""
        found = self.concepts.get((system, code))
        if found is not None:
            return found
        for prefix_system, prefix, concept in self.below:
            if prefix_system == system and code.replace(".", "").startswith(prefix):
                return concept
        return None

    def medicine(self, system: str, code: str, name: str | None) -> Concept | None:
        """Return what a coded medicine is: by its code, else by the ingredient that the name of the product says."""
        found = self.concept(system, code)
        if found is not None or not code or not name:
            return found
        words = _WORD.findall(name.lower())
        for word in words:
            for ingredient, concept in self.ingredients.get(word, ()):
                if ingredient == word or f" {ingredient} " in f" {' '.join(words)} ":
                    return concept
        return None
