"""The shape of mappings/quieting.yaml: how long a card stays quiet after an answer."""

from __future__ import annotations

from pydantic import Field, model_validator

from service.domain.quiet_rules import Until, Who
from service.domain.terms import Analyte
from service.knowledge.schema.base import Cite, Strict


class QuietPeriod(Strict):
    """A length of quiet and where it comes from."""

    days: int = Field(ge=1, le=3650)
    cite: Cite


class QuietLine(Strict):
    """What one kind of answer does: a period by name, for whom, and what ends it early."""

    period: str
    who: Who
    until: list[Until] = []


class QuietingFile(Strict):
    """mappings/quieting.yaml; `reasons` are codes of `system`."""

    system: str
    periods: dict[str, QuietPeriod]
    results: list[Analyte] = Field(min_length=1)
    accepted: QuietLine
    unexplained: QuietLine
    reasons: dict[str, QuietLine]

    @model_validator(mode="after")
    def _periods_exist(self) -> QuietingFile:
        lines = {"accepted": self.accepted, "unexplained": self.unexplained, **self.reasons}
        for name, line in lines.items():
            if line.period not in self.periods:
                raise ValueError(f"{name}: no period is called {line.period}; there are {', '.join(self.periods)}")
        return self
