"""The status of the patient: ordered rules, the first that fits decides; decisions, section 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from service.domain.attribute import Causes, attribute, mechanism_of, suspected_transport, undetermined
from service.domain.cause import Attribution, Cause
from service.domain.evidence import Evidence
from service.domain.protocol import Band
from service.domain.record import Result
from service.domain.results import Marker, Reading, band_of, in_date, newest
from service.domain.terms import IRREVERSIBLE, Analyte, Mechanism, Notice, Role, Status
from service.domain.therapy import Therapy


@dataclass(frozen=True, slots=True)
class Case:
    """The evidence with the causes found in it: what a rule may look at."""

    evidence: Evidence
    causes: Causes

    @property
    def band(self) -> Band | None:
        """Return the band of the deciding B12."""
        return self.evidence.band

    @property
    def mma(self) -> Marker | None:
        """Return what the MMA that pairs with the deciding B12 says."""
        return self.evidence.mma.marker if self.evidence.mma else None

    @property
    def homocysteine(self) -> Marker | None:
        """Return what the homocysteine that pairs with the deciding B12 says."""
        return self.evidence.homocysteine.marker if self.evidence.homocysteine else None

    @property
    def impaired(self) -> bool:
        """Return whether the kidneys are known to be impaired; unknown counts as absent, and is said."""
        return self.evidence.renal is True

    @property
    def mma_high(self) -> bool:
        """Return whether MMA is raised so far that it settles the matter."""
        return self.mma is Marker.RAISED and _above_high(self.evidence)

    @property
    def only_homocysteine(self) -> bool:
        """Return whether homocysteine alone is raised, MMA being absent or borderline."""
        return self.homocysteine is Marker.RAISED and self.mma in (None, Marker.BORDERLINE)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the status table."""

    id: str
    says: str
    fits: Callable[[Case], bool]
    status: Status
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the record says: the status and its rule, the causes, and whether to treat now."""

    status: Status
    rule: Rule
    causes: tuple[Attribution, ...]
    named: Causes
    start_now: bool
    prevention: bool
    basis: tuple[Result, ...]

    @property
    def mechanism(self) -> Mechanism:
        """Return the mechanism that decides the plan."""
        return mechanism_of(self.causes)


def _above_high(evidence: Evidence) -> bool:
    measure = evidence.mma.result.measure if evidence.mma else None
    return bool(measure and measure.above(evidence.protocol.limits.mma_high))


def _raised(reading: Reading | None) -> bool:
    return reading is not None and reading.marker is Marker.RAISED


def _too_young(case: Case) -> bool:
    age = case.evidence.age
    return age is not None and age[1] < case.evidence.protocol.limits.age_minimum


def _age_unknown(case: Case) -> bool:
    age = case.evidence.age
    return age is None or age[0] < case.evidence.protocol.limits.age_minimum


def _gas_with_marker(case: Case) -> bool:
    e = case.evidence
    return bool(e.gas) and not case.impaired and (_raised(e.mma_alone) or _raised(e.homocysteine_alone))


def _functional(case: Case) -> bool:
    both = case.mma is Marker.RAISED and case.homocysteine is Marker.RAISED
    return case.band is Band.UNLIKELY and not case.impaired and (case.mma_high or both)


def _fall_of_pregnancy(case: Case) -> bool:
    e = case.evidence
    settled = (
        e.active_b12 is not None
        or Marker.RAISED in (case.mma, case.homocysteine)
        or e.any_symptom
        or e.anaemia
        or any(a.cause.mechanism is not Mechanism.INCREASED_REQUIREMENT for a in case.causes.found)
    )
    return bool(e.pregnant) and e.total_low and not settled


def inadequate(evidence: Evidence) -> Reading | Result | None:
    """Return the result that shows an established therapy to fail: MMA, or total B12 on tablets or spray."""
    limits, today = evidence.protocol.limits, evidence.today
    settled_since = [day for day in map(evidence.therapy.began, evidence.therapy.active) if day is not None]
    if not settled_since:
        return None
    needed = timedelta(weeks=limits.treated_weeks)
    if today - min(settled_since) < needed:
        return None
    since = min(settled_since) + needed
    mma = evidence.mma_alone
    if _raised(mma) and mma is not None and mma.result.taken.earliest >= since and evidence.renal is not True:
        return mma
    if not evidence.therapy.by_mouth_or_nose:
        return None
    on_tablets = [r for r in in_date(evidence.record, limits, Analyte.B12, today) if r.taken.earliest >= since]
    last = newest(tuple(on_tablets))
    return last if last is not None and band_of(last, evidence.protocol) is Band.LOW else None


def _assay(case: Case) -> bool:
    doubtful = case.band is Band.UNLIKELY or (case.band is Band.INDETERMINATE and case.mma is Marker.NORMAL)
    return doubtful and bool(case.evidence.strong_picture)


def _treated_elsewhere(case: Case) -> bool:
    coded = any(
        problem.active and problem.resource in attribution.basis
        for attribution in case.causes.found
        if attribution.cause.mechanism is Mechanism.AUTOIMMUNE_GASTRITIS
        for problem in case.evidence.record.problems
    )
    return case.band is Band.UNLIKELY and coded and not case.evidence.therapy.active


def _confounded(case: Case) -> bool:
    marker = case.mma is Marker.RAISED or (case.homocysteine is Marker.RAISED and case.mma is not Marker.NORMAL)
    return case.band is Band.INDETERMINATE and marker and case.impaired


def _gas_neurology(case: Case) -> bool:
    e = case.evidence
    return bool(e.gas) and e.neurological and not e.therapy.injected


def _markers_not_back(case: Case) -> bool:
    return case.evidence.mma_alone is None and case.evidence.homocysteine_alone is None


def _explained_homocysteine(case: Case) -> bool:
    return case.only_homocysteine and (case.evidence.folate_low is True or case.impaired)


def _diagnosed(case: Case) -> bool:
    e = case.evidence
    normal = e.mma_alone is not None and e.mma_alone.marker is Marker.NORMAL
    recorded = any(p.certain for p in e.record.active_problems(Role.B12_DIAGNOSIS))
    return case.band is None and not normal and recorded


def _marker_without_b12(case: Case) -> bool:
    e = case.evidence
    mma = e.mma_alone.marker if e.mma_alone else None
    homocysteine_only = _raised(e.homocysteine_alone) and mma in (None, Marker.BORDERLINE) and e.folate_low is not True
    raised = mma is Marker.RAISED or homocysteine_only
    return case.band is None and not e.therapy.active and not case.impaired and raised


def _between(case: Case) -> bool:
    return case.band is Band.INDETERMINATE


def _unlikely(case: Case) -> bool:
    return case.band is Band.UNLIKELY


_MMA, _HCY = Notice.WORKUP_MMA, Notice.WORKUP_HCY
_CONFIRMED, _BETWEEN, _UNLIKELY = Status.CONFIRMED, Status.INDETERMINATE, Status.UNLIKELY

#: Decisions, section 3, in its order: the first rule that fits gives the status.
RULES: tuple[Rule, ...] = (
    Rule("K2", "under 16: out of scope", _too_young, Status.OUT_OF_SCOPE, (Notice.SCOPE,)),
    Rule("K2", "age not known", _age_unknown, Status.UNKNOWN, (Notice.DATA,)),
    Rule("K4", "nitrous oxide and a raised marker", _gas_with_marker, _CONFIRMED),
    Rule("K8b", "normal B12 with clearly raised markers", _functional, _CONFIRMED),
    Rule("K11", "low total B12 in a well pregnancy", _fall_of_pregnancy, _BETWEEN, (Notice.WORKUP_ACTIVE,)),
    Rule("K3", "B12 low", lambda c: c.band is Band.LOW, _CONFIRMED),
    Rule(
        "K5t",
        "inadequately treated",
        lambda c: inadequate(c.evidence) is not None,
        _CONFIRMED,
        (Notice.RESPONSE,),
    ),
    Rule("K8", "normal B12 against a strong picture", _assay, _BETWEEN, (Notice.ASSAY, _MMA, _HCY)),
    Rule("K8p", "normal B12 with pernicious anaemia recorded", _treated_elsewhere, _BETWEEN, (Notice.ASSAY, _MMA)),
    Rule("K5r", "marker raised, kidneys impaired", _confounded, _BETWEEN, (Notice.SAFETY_RENAL,)),
    Rule("K5", "B12 between the lines, MMA raised", lambda c: _between(c) and c.mma is Marker.RAISED, _CONFIRMED),
    Rule(
        "K4b",
        "nitrous oxide and neurology, markers not back",
        lambda c: _gas_neurology(c) and _markers_not_back(c),
        _BETWEEN,
        (_MMA, _HCY),
    ),
    Rule("K4n", "nitrous oxide and neurology, markers not raised", _gas_neurology, _BETWEEN, (Notice.REFER,)),
    Rule("K6", "B12 between the lines, MMA normal", lambda c: _between(c) and c.mma is Marker.NORMAL, _UNLIKELY),
    Rule("K10f", "homocysteine explained", lambda c: _unlikely(c) and _explained_homocysteine(c), _UNLIKELY),
    Rule(
        "K10f",
        "homocysteine explained, B12 between the lines",
        lambda c: _between(c) and _explained_homocysteine(c),
        _BETWEEN,
        (_MMA,),
    ),
    Rule(
        "K10",
        "only homocysteine raised",
        lambda c: c.band in (Band.UNLIKELY, Band.INDETERMINATE) and c.only_homocysteine,
        _BETWEEN,
        (_MMA,),
    ),
    Rule(
        "K7",
        "B12 between the lines, MMA borderline",
        lambda c: _between(c) and c.mma is Marker.BORDERLINE,
        _BETWEEN,
        (_HCY,),
    ),
    Rule("K7", "B12 between the lines", _between, _BETWEEN, (_MMA,)),
    Rule(
        "K9m",
        "B12 normal, MMA somewhat raised",
        lambda c: _unlikely(c) and c.mma is Marker.RAISED and not c.mma_high and not c.impaired,
        _BETWEEN,
        (_HCY,),
    ),
    Rule("K9", "B12 normal", _unlikely, _UNLIKELY),
    Rule(
        "K13",
        "diagnosis recorded, therapy on record",
        lambda c: _diagnosed(c) and bool(c.evidence.therapy.active),
        Status.ON_TREATMENT,
    ),
    Rule("K13", "diagnosis recorded", _diagnosed, _CONFIRMED),
    Rule("K14", "a marker raised, no B12", _marker_without_b12, _BETWEEN, (Notice.WORKUP_B12,)),
    Rule("K19", "B12 therapy on record", lambda c: bool(c.evidence.therapy.active), Status.ON_TREATMENT),
    Rule("K20", "no usable result", lambda _: True, Status.UNKNOWN),
)


def assess(evidence: Evidence, causes: Mapping[str, Cause]) -> Assessment:
    """Return the status, the causes behind it and whether treatment starts now."""
    return judge(Case(evidence, attribute(evidence, causes)), causes)


def judge(case: Case, causes: Mapping[str, Cause]) -> Assessment:
    """Return the assessment of a case whose causes are known."""
    evidence = case.evidence
    rule = next(r for r in RULES if r.fits(case))
    found = case.causes.found
    if rule.id == "K8b" and not found:
        suspected = suspected_transport(evidence, causes)
        found = (suspected,) if suspected else ()
    prevention = _prevention(rule, found, evidence.therapy)
    start_now = prevention or _start_now(rule, found, evidence)
    explains = rule.status in (Status.CONFIRMED, Status.INDETERMINATE, Status.ON_TREATMENT) or prevention
    if explains and not found:
        found = (undetermined(causes),)
    return Assessment(
        status=rule.status,
        rule=rule,
        causes=found if explains else (),
        named=case.causes,
        start_now=start_now,
        prevention=prevention,
        basis=_basis(evidence, rule),
    )


def _prevention(rule: Rule, found: tuple[Attribution, ...], therapy: Therapy) -> bool:
    """Return whether surgery that will always cost B12 calls for prevention: not confirmed, nothing on record."""
    unconfirmed = rule.status in (Status.INDETERMINATE, Status.UNLIKELY)
    return unconfirmed and not therapy.active and any(a.cause.prevention for a in found)


def _start_now(rule: Rule, found: tuple[Attribution, ...], evidence: Evidence) -> bool:
    if rule.status is Status.CONFIRMED:
        return True
    if rule.status is not Status.INDETERMINATE:
        return False
    pressing = evidence.neurological or evidence.severe_anaemia
    if rule.id == "K8p":
        return pressing
    irreversible = any(a.cause.mechanism in IRREVERSIBLE for a in found)
    return pressing or irreversible or (bool(evidence.pregnant) and evidence.any_symptom)


def _basis(evidence: Evidence, rule: Rule) -> tuple[Result, ...]:
    """Return the results the verdict rests on, without repeats, the B12 first."""
    if rule.id in ("K2", "K19", "K20"):
        return ()
    failing = inadequate(evidence) if rule.id == "K5t" else None
    results: list[Result | None] = [evidence.b12, failing.result if isinstance(failing, Reading) else failing]
    paired = evidence.band is not None and rule.id not in ("K4", "K4b", "K4n")
    readings = (evidence.mma, evidence.homocysteine) if paired else (evidence.mma_alone, evidence.homocysteine_alone)
    results += [reading.result for reading in readings if reading]
    if evidence.folate_low:
        results.append(evidence.folate)
    if evidence.severe_anaemia or evidence.anaemia:
        results.append(evidence.haemoglobin)
    results += evidence.antibody[:1]
    return tuple(dict.fromkeys(r for r in results if r is not None))
