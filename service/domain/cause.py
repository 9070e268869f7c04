"""Why B12 may be short: what mappings/causes declares about each cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from service.domain.terms import Analyte, Certainty, Citation, Duration, Mechanism


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A medicine that can cause the deficiency, and how long it must have been taken to be blamed."""

    concept: str
    longer_than_months: int | None
    cite: Citation


@dataclass(frozen=True, slots=True)
class Cause:
    """An aetiology: its mechanism decides the plan, the rest is said on the card."""

    id: str
    title: str
    mechanism: Mechanism
    duration: Duration
    cite: Citation
    duration_with_neurology: Duration | None = None
    prevention: bool = False
    extent_unknown: bool = False
    antibody_workup: bool = False
    ask: str | None = None
    limitation: str | None = None
    treat: str | None = None
    #: Tests that speak against it when they are negative.
    negated_by: tuple[Analyte, ...] = ()
    replaces: frozenset[str] = frozenset()
    ingredients: tuple[Ingredient, ...] = ()


class Attribution(NamedTuple):
    """One cause found in this record: how sure, and the resources it rests on."""

    cause: Cause
    certainty: Certainty
    basis: tuple[str, ...]
    why: tuple[str, ...]
    #: The medicines of `why`, each with the day its exposure began.
    since: tuple[tuple[str, date], ...] = ()

    @property
    def only_possible(self) -> bool:
        """Return whether a cause is named that may not be the one; no cause and a greater need claim nothing."""
        claims = self.cause.mechanism not in (Mechanism.UNDETERMINED, Mechanism.INCREASED_REQUIREMENT)
        return claims and self.certainty is Certainty.POSSIBLE

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Return the key by which causes are ranked, the deciding one first."""
        return (self.cause.mechanism.rank, self.cause.duration.rank, self.certainty.rank, self.cause.id)
