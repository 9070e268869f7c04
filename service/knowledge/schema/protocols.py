"""The shape of mappings/protocols: bands, limits, the table of plans, what is watched."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from service.domain.protocol import Limits
from service.domain.terms import Analyte, Mechanism
from service.knowledge.schema.base import Cite, Printed, Strict, in_order

LIMITS = tuple(name.replace("_", "-") for name in Limits.__dataclass_fields__)


class LimitLine(Strict):
    """A number the rules compare with."""

    value: Printed
    unit: str
    cite: Cite


class SharedLimitLine(LimitLine):
    """A limit that all protocols share; `site` says which way a site may not move it."""

    site: Literal["fixed", "not-higher", "not-lower"] | None = None


class BandLine(Strict):
    """Where the bands end, as printed in one unit."""

    low_below: Printed
    unlikely_above: Printed | None = None
    unlikely_from: Printed | None = None


class BandsLine(Strict):
    """The bands of one test, by printed unit."""

    cite: Cite
    lines: dict[str, BandLine]


class OptionLine(Strict):
    """A regimen of a row; `then` takes the place of its own maintenance."""

    regimen: str
    then: str | None = None
    only_if: Literal["extent-unknown"] | None = None


class PlanLine(Strict):
    """A row of the table of plans: options with the recommended first, or why there is none."""

    options: list[OptionLine] = []
    why: str | None = None
    none: str | None = None
    then_words: str | None = None


class HighLine(Strict):
    """From where a B12 is called high, by unit."""

    lines: dict[str, Printed]
    cite: Cite


class IntervalLine(Strict):
    """How far apart injections of a drug are in maintenance, in months; by a mechanism where that differs."""

    drug: str
    mechanism: Mechanism | None = None
    shortest: int
    longest: int
    text: str
    cite: Cite

    @model_validator(mode="after")
    def _in_order(self) -> IntervalLine:
        in_order(self.shortest, self.longest)
        return self


class ReticulocytesLine(Strict):
    """What reticulocytes must reach from a day on, as a multiple of normal, while the haematocrit (%) is low."""

    from_day: int
    times_normal: Printed
    haematocrit_below: Printed
    cite: Cite


class MoveLine(Strict):
    """What a patient who is stable on injections may change to."""

    regimen: str
    never: list[Mechanism] = []
    never_because: str | None = None
    cite: Cite


class StableLine(Strict):
    """What may be offered, where it is asked for, to a patient who is stable on injections."""

    tablets: MoveLine | None
    nasal: MoveLine | None


class ReviewLine(Strict):
    """What a review may lead to, on injections and on tablets."""

    injected: str
    tablets: str


class MonitoringLine(Strict):
    """What shows whether it works; `autoimmune` is said besides where the stomach is inflamed for good."""

    injected: list[str]
    tablets: list[str]
    pregnant: list[str]
    prevention: list[str]
    review: ReviewLine | None
    autoimmune: list[str]
    intervals: list[IntervalLine]
    reticulocytes: ReticulocytesLine | None
    shorter: dict[str, str]
    response: str
    cite: Cite


class ScreeningLine(Strict):
    """Whom to test who was never tested: with a symptom beside a risk only, or with one of these risks alone."""

    needs_symptom: bool
    age_over: int | None = Field(default=None, ge=16)
    causes: list[str] = []
    cite: Cite


class PeriodLine(Strict):
    """When an edition is in force."""

    start: date | None
    end: date | None

    @model_validator(mode="after")
    def _in_order(self) -> PeriodLine:
        in_order(self.start, self.end)
        return self


class SignOffLine(Strict):
    """Which clinician signed the file off, when, and the digest of what was signed (`b12-cds protocol digest`)."""

    by: str
    date: date
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


class CommonFile(Strict):
    """mappings/protocols/common.yaml."""

    id: Literal["common"]
    limits: dict[str, SharedLimitLine]
    b12_high: HighLine


class ProtocolFile(Strict):
    """mappings/protocols/*.yaml: one guideline edition a file."""

    id: str
    extends: str
    version: str
    status: Literal["draft", "active", "retired"]
    title: str
    publisher: str
    approval_date: date | None
    last_review_date: date | None
    reviewer: str | None
    sign_off: SignOffLine | None = None
    effective_period: PeriodLine
    cite: Cite
    limits: dict[str, LimitLine] = {}
    bands: dict[Analyte, BandsLine]
    products: str
    bridge: str | None
    leber: str | None
    subcutaneous_first: list[str]
    pregnancy_swaps: dict[str, str]
    plans: dict[str, PlanLine]
    screening: ScreeningLine
    stable: StableLine
    monitoring: MonitoringLine
