"""What is written: one card that was made, one problem with data; plain values, made on the call, stored later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from service.domain.protocol import Band
from service.domain.quieting import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCard:
    """One card and all that is kept of it; `standing` is already hashed."""

    at: datetime
    card: str
    matter: str
    delivery: str
    because: str | None
    client: str
    service: str
    hook: str
    key_id: int
    patient_hash: str
    user_hash: str | None
    rule: str
    protocol: str
    protocol_version: str
    rule_set: str
    indicator: str
    regimen: str | None
    latency_ms: float
    standing: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """Return it as the table's columns."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class DataProblem:
    """A kind of problem met with a client's data."""

    day: date
    client: str
    service: str
    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Asking:
    """One call that was evaluated, whether or not it made a card."""

    day: date
    client: str
    service: str
    protocol: str
    rule_set: str


def stored(standing: Standing) -> dict[str, Any]:
    """Return what stood, as JSON; the same standing is always the same text."""
    return {
        "pressing": sorted(standing.pressing),
        "band": standing.band.value if standing.band else None,
        "hazards": sorted(standing.hazards),
        "plan": standing.plan,
        "marks": sorted(standing.marks),
    }


def restored(kept: dict[str, Any]) -> Standing:
    """Return what stood from its JSON."""
    return Standing(
        pressing=frozenset(kept["pressing"]),
        band=Band(kept["band"]) if kept["band"] else None,
        hazards=frozenset(kept["hazards"]),
        plan=kept["plan"],
        marks=frozenset(kept["marks"]),
    )
