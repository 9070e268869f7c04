"""The shape of conflicts, investigations and wording: what the cards say and ask for."""

from __future__ import annotations

from pydantic import Field, model_validator

from service.domain.terms import Analyte, Mechanism, Modifier, Notice, Route, Status
from service.knowledge.schema.base import Cite, CodeRef, Strict


class ConflictWhen(Strict):
    """One kind of patient for whom a conflict matters: everything that is given must hold.

    Without `statuses` it matters where there is a deficiency to explain or to prevent.
    """

    statuses: list[Status] = []
    rules: list[str] = []
    mechanisms: list[Mechanism] = []
    causes: list[str] = []
    modifiers: list[Modifier] = []
    unless: list[Modifier] = []
    regimens: list[str] = []
    plan_injects: list[str] = []
    plan_routes: list[Route] = []
    on_injections: bool = False
    band_differs: bool = False
    symptomatic: bool = False
    start_now: bool = False
    cause_unsure: bool = False
    at_risk_untested: bool = False

    @model_validator(mode="after")
    def _for_someone(self) -> ConflictWhen:
        if not self.model_fields_set - {"statuses", "unless"}:
            raise ValueError("say for whom it matters: statuses and unless alone name nobody")
        return self


class SentenceLine(Strict):
    """What is said on a card, and where it comes from."""

    says: str
    cite: Cite


class ConflictLine(Strict):
    """Where guidelines differ, and what each says in one line."""

    id: str = Field(pattern="^C[0-9]+$")
    topic: str
    when: list[ConflictWhen] = Field(min_length=1)
    positions: dict[str, SentenceLine]


class ConflictsFile(Strict):
    """mappings/conflicts.yaml; `voices` names whose positions stand beside those of the protocols."""

    voices: list[str]
    conflicts: list[ConflictLine]


class InvestigationLine(Strict):
    """A test that can be asked for."""

    id: str
    title: str
    code: CodeRef | None
    analytes: list[Analyte]
    notices: list[Notice]
    after: list[str] = []


class InvestigationsFile(Strict):
    """mappings/investigations.yaml."""

    investigations: list[InvestigationLine]


class ReasonLine(Strict):
    """One reason for not following a card."""

    code: str
    display: str


class ReasonsLine(Strict):
    """The reasons offered, from one standard code system."""

    system: str
    codes: list[ReasonLine]


class RuleLine(Strict):
    """What a status rule rests on."""

    cite: Cite


class WordingFile(Strict):
    """mappings/wording.yaml."""

    topic: CodeRef
    override_reasons: ReasonsLine
    notices: dict[Notice, SentenceLine]
    rules: dict[str, SentenceLine]
    status_rules: dict[str, RuleLine]
    phrases: dict[str, SentenceLine]
