"""The shape of every mapping file; unknown keys are errors, and each number carries its citation."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from service.domain.protocol import Limits
from service.domain.terms import (
    Analyte,
    Certainty,
    Duration,
    Letter,
    Mechanism,
    Modifier,
    Notice,
    PhaseName,
    Role,
    Route,
)

SYSTEMS = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "rx": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "dmd": "https://dmd.nhs.uk",
    "atc": "http://www.whocc.no/atc",
}
System = Literal["loinc", "sct", "cm", "icd10", "pcs", "cpt", "rx", "dmd", "atc"]
LIMITS = tuple(name.replace("_", "-") for name in Limits.__dataclass_fields__)


_PRINTED = re.compile(r"^[0-9]+(\.[0-9]+)?$")


def _as_printed(value: object) -> object:
    if isinstance(value, str) and _PRINTED.match(value):
        return Decimal(value)
    raise ValueError('a number is written in quotes, exactly as printed: "0.40"')


def _ends(least: object, most: object) -> None:
    if least is not None and most is not None and least > most:  # type: ignore[operator]
        raise ValueError(f"{most} is below {least}")


Printed = Annotated[Decimal, BeforeValidator(_as_printed, json_schema_input_type=str)]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Strict(BaseModel):
    """A mapping that refuses what it does not know."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=_kebab, populate_by_name=False, str_min_length=1
    )


class Cite(Strict):
    """Where it comes from and how that was verified: V verbatim, S secondary, M memory or design."""

    source: str
    letter: Letter
    locator: str | None = None


class CodeLine(Strict):
    """One code of a code system, how far it was verified and where it was seen."""

    system: System
    code: str
    display: str
    trust: Literal["verified", "weak", "unverified"]
    seen: str
    property: str | None = None
    form: Literal["injection", "oral", "nasal"] | None = None
    note: str | None = None


class Below(Strict):
    """All codes of a classification that begin so."""

    system: Literal["cm", "icd10"]
    code: str


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
            _ends(*ends)
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
    replaces: list[str] = []
    cite: Cite
    findings: list[FindingLine] = []
    medicines: list[MedicineLine] = []


class SourceLine(Strict):
    """A document cited by the knowledge."""

    id: str
    title: str
    publisher: str
    url: str | None


class CodeSource(Strict):
    """A place where codes were seen with their meaning."""

    id: str
    title: str


class SourcesFile(Strict):
    """mappings/sources.yaml."""

    sources: list[SourceLine]
    codes: list[CodeSource]


class DoseLine(Strict):
    """A dose as printed; high is null where the source says `at least`."""

    low: Printed
    high: Printed | None
    unit: Literal["ug", "mg"]

    @model_validator(mode="after")
    def _in_order(self) -> DoseLine:
        _ends(self.low, self.high)
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
        _ends(self.period, self.period_max)
        _ends(self.count, self.count_max)
        _ends(self.weeks, self.weeks_max)
        return self


class Cited(Strict):
    """A whole number and where it comes from."""

    value: int = Field(ge=1)
    cite: Cite


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


class RegimenLine(Strict):
    """A drug, its routes and its steps."""

    id: str
    title: str
    drug: str
    routes: list[Route] = Field(min_length=1)
    off_label: list[Route] = []
    cite: Cite
    steps: list[StepLine] = Field(min_length=1)


class RegimensFile(Strict):
    """mappings/regimens/*.yaml."""

    regimens: list[RegimenLine]


class CodeRef(Strict):
    """A code that stands, with its name and its trust, in findings."""

    system: System
    code: str


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


class ProductLine(Strict):
    """What can be prescribed: text, code, strength in one unit, and by which routes."""

    id: str
    drug: str
    text: str
    codes: list[CodeRef] = Field(min_length=1)
    routes: list[Route]
    strength: StrengthLine
    per: PerLine
    unit: UnitWords
    up_to: Cited | None = None


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


class LimitLine(Strict):
    """A number the rules compare with."""

    value: Printed
    unit: str
    cite: Cite


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


class MonitoringLine(Strict):
    """What shows whether it works."""

    injected: list[str]
    tablets: list[str]
    pregnant: list[str]
    prevention: list[str]
    shorter: dict[str, str]
    response: str
    cite: Cite


class PeriodLine(Strict):
    """When an edition is in force."""

    start: date | None
    end: date | None

    @model_validator(mode="after")
    def _in_order(self) -> PeriodLine:
        _ends(self.start, self.end)
        return self


class CommonFile(Strict):
    """mappings/protocols/common.yaml."""

    id: Literal["common"]
    limits: dict[str, LimitLine]
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
    monitoring: MonitoringLine


class ConflictWhen(Strict):
    """For which patients a conflict matters."""

    mechanisms: list[Mechanism] = []
    causes: list[str] = []
    modifiers: list[Modifier] = []
    unless: list[Modifier] = []
    on_injections: bool = False
    band_differs: bool = False


class ConflictLine(Strict):
    """Where guidelines differ, and what each says in one line."""

    id: str = Field(pattern="^C[0-9]+$")
    topic: str
    when: ConflictWhen
    positions: dict[str, str]


class ConflictsFile(Strict):
    """mappings/conflicts.yaml."""

    conflicts: list[ConflictLine]


class InvestigationLine(Strict):
    """A test that can be asked for."""

    id: str
    title: str
    code: CodeRef | None
    analytes: list[Analyte]
    notices: list[Notice]


class InvestigationsFile(Strict):
    """mappings/investigations.yaml."""

    investigations: list[InvestigationLine]


class SiteCode(Strict):
    """A site's local code, and which shipped finding or test it is."""

    system: str
    code: str
    display: str
    finding: str | None = None
    test: str | None = None
    property: str = ""


class SiteCodesFile(Strict):
    """A site's own code map, kept outside the tree."""

    codes: list[SiteCode]


class ReasonLine(Strict):
    """One reason for not following a card."""

    code: str
    display: str


class ReasonsLine(Strict):
    """The reasons offered, from one standard code system."""

    system: str
    codes: list[ReasonLine]


class SentenceLine(Strict):
    """What a notice says on a card."""

    says: str
    cite: Cite


class WordingFile(Strict):
    """mappings/wording.yaml."""

    topic: CodeRef
    override_reasons: ReasonsLine
    notices: dict[Notice, SentenceLine]
    rules: dict[str, SentenceLine]
    phrases: dict[str, SentenceLine]
