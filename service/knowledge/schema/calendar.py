"""The shape of mappings/calendar.yaml: when what is watched falls due, and which intervals may be chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from service.knowledge.schema.base import Cite, Strict, in_order


class DueLine(Strict):
    """From when to when something falls due, counted from the first dose."""

    from_: int = Field(ge=0, alias="from")
    to: int | None = Field(default=None, ge=0)
    unit: Literal["d", "wk", "mo"]

    @model_validator(mode="after")
    def _in_order(self) -> DueLine:
        in_order(self.from_, self.to)
        return self


class CheckLine(Strict):
    """A sentence of what is watched, its plain words, and when it falls due."""

    watches: str
    plain: str
    due: list[DueLine] | Literal["review"] = []
    cite: Cite


class MayBeLine(Strict):
    """The intervals that may stand in the place of a regimen's printed one, in months."""

    regimen: str
    printed: int = Field(ge=1)
    may_be: list[int] = Field(min_length=1)
    cite: Cite


class ConditionLine(Strict):
    """What a later step waits for, in plain words."""

    waits_for: str
    plain: str
    cite: Cite


class CalendarFile(Strict):
    """mappings/calendar.yaml."""

    checks: list[CheckLine]
    intervals: list[MayBeLine]
    conditions: list[ConditionLine]
