"""What a guideline edition says to do: bands, limits, regimens, products and the table of plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from service.domain.cause import Cause
from service.domain.dispute import Conflict
from service.domain.due import Calendar
from service.domain.index import Test
from service.domain.quiet_rules import Quieting
from service.domain.screening import Screening
from service.domain.terms import Amount, Analyte, Citation, Mechanism, Notice, PhaseName, Route


class Band(StrEnum):
    """Where a B12 result falls, the most deficient first."""

    LOW = "low"
    INDETERMINATE = "indeterminate"
    UNLIKELY = "unlikely"


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the bands of one test end, in one printed unit."""

    low_below: Decimal
    unlikely: Decimal
    unlikely_includes: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a step is given, as FHIR Timing.repeat says it; periods are days, weeks or months."""

    frequency: int
    period: int
    unit: str
    period_max: int | None = None
    count: int | None = None
    count_max: int | None = None
    weeks: int | None = None
    weeks_max: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a regimen; without weeks or count it has no fixed end."""

    phase: PhaseName
    low: Decimal
    high: Decimal | None
    unit: str
    timing: Timing
    text: str
    cite: Citation
    begins_if: str | None = None
    ends_when: str | None = None
    review_weeks: int | None = None

    @property
    def bounded(self) -> bool:
        """Return whether the step ends by itself."""
        return self.timing.weeks is not None or self.timing.count is not None


@dataclass(frozen=True, slots=True)
class Regimen:
    """A drug, the routes its source allows (the usual one first), and its steps in order."""

    id: str
    title: str
    drug: str
    routes: tuple[Route, ...]
    steps: tuple[Step, ...]
    cite: Citation
    prevention: bool = False
    off_label: tuple[Route, ...] = ()
    #: What must be said with neurology or severe anaemia.
    pressing: str | None = None
    #: No shipped row uses it: it is there for a site to choose.
    for_sites: bool = False

    @property
    def injected(self) -> bool:
        """Return whether the regimen is given by injection."""
        return self.routes[0].injected

    @property
    def repletion(self) -> tuple[Step, ...]:
        """Return the steps that fill the stores."""
        return tuple(step for step in self.steps if step.phase is PhaseName.REPLETION)

    @property
    def maintenance(self) -> tuple[Step, ...]:
        """Return the steps that keep them full."""
        return tuple(step for step in self.steps if step.phase is PhaseName.MAINTENANCE)


@dataclass(frozen=True, slots=True)
class Choice:
    """A regimen offered by a row; `then` takes the place of its own maintenance."""

    regimen: Regimen
    then: Regimen | None = None
    extent_unknown_only: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of plans: the choices, the recommended first, or why there is none."""

    choices: tuple[Choice, ...]
    none_because: str | None
    why: str | None = None
    then_words: str | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """What one container of a product holds, in the product's own unit, and whether it serves one dose only."""

    holds: Decimal
    one: str
    many: str
    single_use: bool


@dataclass(frozen=True, slots=True)
class Product:
    """What can be prescribed: its code or text, and how much of the drug one unit holds."""

    id: str
    drug: str
    text: str
    codings: tuple[tuple[str, str, str], ...]
    routes: tuple[Route, ...]
    strength: Amount
    per: Amount
    unit_one: str
    unit_many: str
    up_to: int | None = None
    pack: Pack | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Every number the rules compare with; the fields are the names used in mappings/protocols.

    One protocol has one set of limits, so it is told apart by identity: cheap to look things up by.
    """

    age_minimum: int
    b12_months: int
    mma_months: int
    homocysteine_months: int
    folate_months: int
    egfr_months: int
    blood_count_months: int
    inr_days: int
    platelets_days: int
    potassium_days: int
    pairing_days: int
    injection_washout_days: int
    mma_raised: Decimal
    mma_borderline: Decimal
    mma_high: Decimal
    homocysteine_raised: Decimal
    folate_low: Decimal
    egfr_impaired: Decimal
    haemoglobin_severe: Decimal
    haemoglobin_severe_pregnant: Decimal
    haemoglobin_anaemia: Decimal
    potassium_low: Decimal
    inr_bleeding: Decimal
    platelets_bleeding: Decimal
    misuse_months: int
    medical_gas_weeks: int
    treated_weeks: int
    transport_mma: Decimal
    transport_homocysteine: Decimal
    exposure_gap_months: int
    exposure_ended_months: int
    antidote_dose: Decimal
    repletion_interval_days: int
    dose_slip_factor: Decimal
    ferritin_months: int
    cause_months: int
    pregnancy_status_days: int
    smallest_volume_ml: Decimal
    response_days: int
    response_weeks: int
    reticulocyte_days: int
    mcv_raised: Decimal
    potassium_watch_days: int
    overdue_days: int
    interval_tolerance_days: int
    review_months: int
    review_months_pregnant: int


@dataclass(frozen=True, slots=True)
class Interval:
    """How far apart injections of one drug are in maintenance, in months; after one mechanism only, or after any."""

    drug: str
    mechanism: Mechanism | None
    shortest: int
    longest: int
    text: str
    cite: Citation


@dataclass(frozen=True, slots=True)
class Marrow:
    """What reticulocytes must reach from a day on, as a multiple of normal, while the haematocrit is low."""

    from_day: int
    times_normal: Decimal
    haematocrit_below: Decimal
    cite: Citation


@dataclass(frozen=True, slots=True)
class Move:
    """What a patient who is stable on injections may change to, and after which mechanisms not, with why not."""

    regimen: Regimen
    never: frozenset[Mechanism]
    never_because: str | None
    cite: Citation


@dataclass(frozen=True, slots=True)
class SignOff:
    """Which clinician signed a protocol off, when, and whether it has not changed since."""

    by: str
    on: date
    is_current: bool


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """One guideline edition, complete: what it calls low, what it offers, what it watches; told apart by identity."""

    id: str
    version: str
    title: str
    publisher: str
    url: str | None
    cite: Citation
    effective_from: date | None
    effective_to: date | None
    reviewer: str | None
    bands: Mapping[Analyte, Mapping[str, Lines]]
    b12_high: Mapping[str, Decimal]
    limits: Limits
    citations: Mapping[str, Citation]
    table: Mapping[str, Row]
    products: tuple[Product, ...]
    bridge: Regimen | None
    leber: Regimen | None
    subcutaneous_first: frozenset[str]
    pregnancy_swaps: Mapping[str, Regimen]
    monitoring: Mapping[str, tuple[str, ...]]
    response: str
    shorter: Mapping[str, str]
    screening: Screening
    intervals: tuple[Interval, ...] = ()
    marrow: Marrow | None = None
    to_tablets: Move | None = None
    to_nasal: Move | None = None
    sign_off: SignOff | None = None


@dataclass(frozen=True, slots=True)
class Drug:
    """A cobalamin and what forbids it."""

    id: str
    title: str
    not_with_leber: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A document cited by the knowledge."""

    id: str
    title: str
    publisher: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Investigation:
    """A test that can be asked for: what it answers and how it is coded."""

    id: str
    title: str
    coding: tuple[str, str, str] | None
    analytes: tuple[Analyte, ...]
    notices: frozenset[Notice]
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of the cards: the topic, the override reasons, one sentence a notice, a rule or an occasion.

    `cites` holds what each status rule rests on.
    """

    topic: tuple[str, str, str]
    reasons: tuple[tuple[str, str, str], ...]
    sentences: Mapping[str, str]
    rules: Mapping[str, str]
    cites: Mapping[str, Citation]
    phrases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Book:
    """All knowledge the service runs on, loaded and checked once at start."""

    version: str
    protocols: Mapping[str, Protocol]
    causes: Mapping[str, Cause]
    drugs: Mapping[str, Drug]
    conflicts: tuple[Conflict, ...]
    investigations: tuple[Investigation, ...]
    sources: Mapping[str, Source]
    wording: Wording
    tests: tuple[Test, ...]
    routes: Mapping[Route, tuple[str, str, str]]
    quieting: Quieting
    calendar: Calendar
