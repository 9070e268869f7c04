"""The shape of mappings/regimens, products and drugs.yaml: doses as printed, and what gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from service.domain.terms import PhaseName, Route
from service.knowledge.schema.base import Cite, Cited, CodeRef, Printed, Strict, in_order


class DoseLine(Strict):
    """A dose as printed; high is null where the source says `at least`."""

    low: Printed
    high: Printed | None
    unit: Literal["ug", "mg"]

    @model_validator(mode="after")
    def _in_order(self) -> DoseLine:
        in_order(self.low, self.high)
        return self


class TimingLine(Strict):
    """How often, as FHIR Timing.repeat says it."""

    frequency: int = Field(ge=1)
    period: int = Field(ge=1)
    unit: Literal["d", "wk", "mo"]
    period_max: int | None = None
    count: int | None = Field(default=None, ge=1)
    count_max: int | None = None
    weeks: int | None = Field(default=None, ge=1)
    weeks_max: int | None = None

    @model_validator(mode="after")
    def _in_order(self) -> TimingLine:
        in_order(self.period, self.period_max)
        in_order(self.count, self.count_max)
        in_order(self.weeks, self.weeks_max)
        return self


class StepLine(Strict):
    """One step of a regimen."""

    phase: PhaseName
    dose: DoseLine
    timing: TimingLine
    text: str
    begins_if: str | None = None
    ends_when: str | None = None
    review_weeks: Cited | None = None
    cite: Cite


class NoteLine(Strict):
    """A sentence that goes with a regimen."""

    says: str
    cite: Cite


class RegimenLine(Strict):
    """A drug, its routes and its steps.

    `pressing` is said with neurology or severe anaemia; `for-sites` marks what only a site's own protocol uses.
    """

    id: str
    title: str
    drug: str
    routes: list[Route] = Field(min_length=1)
    off_label: list[Route] = []
    pressing: NoteLine | None = None
    for_sites: bool = False
    cite: Cite
    steps: list[StepLine] = Field(min_length=1)


class RegimensFile(Strict):
    """mappings/regimens/*.yaml."""

    regimens: list[RegimenLine]


class StrengthLine(Strict):
    """How much of the drug, in a unit of doses."""

    value: Printed = Field(gt=0)
    unit: Literal["ug", "mg"]


class PerLine(Strict):
    """In how much of the product, in UCUM."""

    value: Printed = Field(gt=0)
    unit: str


class UnitWords(Strict):
    """What people call one and many of a product's unit."""

    one: str
    many: str


class PackLine(Strict):
    """What one container holds, in the product's own unit; a single-use one serves one dose, whatever is left."""

    holds: Printed = Field(gt=0)
    unit: UnitWords
    single_use: bool
    cite: Cite


class ProductLine(Strict):
    """What can be prescribed: text, code, strength in one unit, and by which routes; `pack` where it is known."""

    id: str
    drug: str
    text: str
    codes: list[CodeRef] = Field(min_length=1)
    routes: list[Route]
    strength: StrengthLine
    per: PerLine
    unit: UnitWords
    up_to: Cited | None = None
    pack: PackLine | None = None


class ProductsFile(Strict):
    """mappings/products/*.yaml."""

    id: str
    products: list[ProductLine]


class DrugLine(Strict):
    """A cobalamin and what forbids it."""

    id: str
    title: str
    not_with_leber: bool
    cite: Cite


class DrugsFile(Strict):
    """mappings/drugs.yaml."""

    drugs: list[DrugLine]
