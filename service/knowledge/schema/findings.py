"""The shape of mappings/findings and mappings/causes: what a code is, and what it explains."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from service.domain.terms import Analyte, Certainty, Duration, Mechanism, Role, Route
from service.knowledge.schema.base import Below, Cite, CodeLine, Printed, Strict, in_order


class FindingLine(Strict):
    """What a code in a record is, and what it means to the rules."""

    id: str
    title: str
    roles: list[Role] = []
    certainty: Certainty = Certainty.ESTABLISHED
    words: list[str] = []
    below: list[Below] = []
    codes: list[CodeLine] = []


class FindingsFile(Strict):
    """mappings/findings/*.yaml."""

    findings: list[FindingLine]


class Plausible(Strict):
    """What a human can have, by unit, ends included."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, tuple[Printed, Printed]]
    cite: Cite

    @model_validator(mode="after")
    def _in_order(self) -> Plausible:
        for ends in (self.model_extra or {}).values():
            in_order(*ends)
        return self

    def ranges(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the least and the greatest value by unit."""
        return dict(self.model_extra or {})


class Bridge(Strict):
    """A conversion between two properties, by a cited factor."""

    from_: str = Field(alias="from")
    to: str
    factor: Printed
    cite: Cite


class AnalyteLine(Strict):
    """One laboratory test: its codes, and the unit the rules compare in for each property."""

    id: Analyte
    title: str
    units: dict[str, str]
    plausible: Plausible | None = None
    bridges: list[Bridge] = []
    codes: list[CodeLine]


class AnalytesFile(Strict):
    """mappings/findings/analytes.yaml."""

    analytes: list[AnalyteLine]


class UnitsFile(Strict):
    """mappings/findings/units.yaml."""

    aliases: dict[str, str]


class RouteLine(Strict):
    """How one route is coded and written in orders."""

    route: Route
    form: Literal["injection", "oral", "nasal"]
    words: list[str]
    codes: list[CodeLine]


class RoutesFile(Strict):
    """mappings/findings/routes.yaml."""

    routes: list[RouteLine]
    local_words: list[str]
    positive_words: list[str]
    negative_words: list[str]


class MedicineLine(Strict):
    """A medicine that can cause the deficiency, and how long it must have been taken."""

    id: str
    title: str
    longer_than_months: int | None
    cite: Cite
    codes: list[CodeLine]


class CauseFile(Strict):
    """mappings/causes/*.yaml: one cause a file."""

    id: str
    title: str
    mechanism: Mechanism
    duration: Duration
    duration_with_neurology: Duration | None = None
    prevention: bool = False
    extent_unknown: bool = False
    antibody_workup: bool = False
    ask: str | None = None
    limitation: str | None = None
    treat: str | None = None
    negated_by: list[Analyte] = []
    replaces: list[str] = []
    cite: Cite
    findings: list[FindingLine] = []
    medicines: list[MedicineLine] = []
