"""What must be said beside the plan: one notice a matter, in the order of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.assess import Assessment
from service.domain.cause import Attribution
from service.domain.conflicts import disputed
from service.domain.doubts import unusable_b12
from service.domain.evidence import Evidence
from service.domain.intervals import course_of
from service.domain.modifiers import Modifiers
from service.domain.protocol import Band, Book
from service.domain.recommend import Plan
from service.domain.record import Course, Exposure, Result
from service.domain.response import beginning, failing, uncounted
from service.domain.terms import Analyte, Certainty, Mechanism, Modifier, Notice, Role, Status
from service.domain.workup import EXPLAINS, Raised, of_workup

_IN_ORDER = tuple((notice, notice.value) for notice in Notice)
BY_RULE = "the status rule asks for it"


def notices(
    evidence: Evidence,
    assessment: Assessment,
    found: Modifiers,
    plan: Plan,
    contradicting: tuple[Result, ...],
    book: Book,
) -> tuple[str, ...]:
    """Return every notice that applies, without repeats: the vocabulary's first, then conflicts by number."""
    said = {notice for notice, _ in raised(evidence, assessment, found, plan, contradicting)}
    ordered = tuple([value for notice, value in _IN_ORDER if notice in said])
    differing = disputed(evidence, assessment, found, plan, book)
    return ordered + tuple(f"conflict-{conflict.id.lower()}" for conflict, _ in differing)


def raised(
    evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan, contradicting: tuple[Result, ...]
) -> Iterator[Raised]:
    """Yield every notice of the vocabulary that applies, with what raised it; one may be raised several times."""
    for notice in assessment.rule.notices:
        yield notice, BY_RULE
    yield from _of_plan(evidence, assessment, found, plan)
    yield from _of_safety(evidence, assessment, found, plan)
    yield from _of_causes(evidence, assessment)
    yield from of_workup(evidence, assessment)
    yield from _of_data(evidence, assessment, contradicting)


def _of_plan(evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan) -> Iterator[Raised]:
    if plan.options:
        yield Notice.PLAN, "a plan is offered"
    if assessment.prevention:
        yield Notice.PREVENT, "surgery that will cost B12, nothing confirmed, no therapy"
    if assessment.status is Status.UNLIKELY:
        yield Notice.NOT_DEFICIENT, "the status is unlikely"
    if assessment.mechanism is Mechanism.TRANSPORT_METABOLIC:
        yield Notice.REFER, "a transport or metabolic disorder, established or suspected"
        if Modifier.NEUROLOGICAL in found:
            yield Notice.URGENT_NEURO, Modifier.NEUROLOGICAL
    treated = evidence.therapy
    if treated.active and not plan.options:
        yield Notice.DUPLICATE, Modifier.ON_B12_THERAPY
    if treated.injected and assessment.status is not Status.OUT_OF_SCOPE:
        yield Notice.NO_REPEAT, "B12 injections on record"
    if failing(evidence, assessment):
        yield Notice.RESPONSE, "not well on the B12 therapy on record"
    yield from _of_intervals(evidence, assessment)
    unhelped = assessment.rule.id == "K5t" and treated.by_mouth_or_nose
    if unhelped or Modifier.ADHERENCE in found or Modifier.SWALLOWING in found:
        yield Notice.ADHERENCE, "tablets may not be taken or swallowed reliably, or did not help"


def _of_intervals(evidence: Evidence, assessment: Assessment) -> Iterator[Raised]:
    given = course_of(evidence, assessment)
    if given.overdue:
        yield Notice.RESPONSE, "an injection is overdue"
    if given.review:
        yield Notice.RESPONSE, "the orders on record are over, and the review was due"
    if given.too_rare:
        yield Notice.RESPONSE, "injections are further apart than is usual for the drug"
    if given.too_often:
        yield Notice.RESPONSE, "injections are closer together than is usual for the drug"
    if uncounted(evidence, assessment):
        yield Notice.WORKUP_FBC, "no blood count since treatment began"


def unsafe_therapy(evidence: Evidence, found: Modifiers, book: Book) -> tuple[Exposure, ...]:
    """Return the B12 on record, signed or drafted, that this patient must not have."""
    known = (*evidence.therapy.active, *evidence.therapy.drafts)
    if Modifier.COBALAMIN_ALLERGY in found:
        return known
    if Modifier.LEBER not in found:
        return ()
    return tuple(e for e in known if e.concept.id in book.drugs and book.drugs[e.concept.id].not_with_leber)


def _only_prevents(assessment: Assessment) -> bool:
    return assessment.prevention and assessment.status is Status.UNLIKELY


def _of_safety(evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan) -> Iterator[Raised]:
    present = found.present
    injects = any(option.recommended and option.route.injected for option in plan.options)
    if Modifier.RENAL_IMPAIRMENT in present and (evidence.mma_alone or evidence.homocysteine_alone or injects):
        yield Notice.SAFETY_RENAL, Modifier.RENAL_IMPAIRMENT
    yield from _of_folate(evidence, assessment, found)
    if assessment.status not in (*EXPLAINS, Status.ON_TREATMENT) and not plan.options:
        if assessment.start_now:
            yield from _of_what_forbids(found)
        return
    treating = (assessment.start_now and not _only_prevents(assessment)) or failing(evidence, assessment)
    treating = treating or beginning(evidence) is not None
    if Modifier.NEUROLOGICAL in present and (treating or evidence.therapy.injected):
        yield Notice.URGENT_NEURO, Modifier.NEUROLOGICAL
    if Modifier.SEVERE_ANAEMIA in present and treating:
        yield Notice.URGENT_ANAEMIA, Modifier.SEVERE_ANAEMIA
    low_potassium_coded = any(evidence.record.active_problems(Role.HYPOKALAEMIA))
    if treating and (Modifier.SEVERE_ANAEMIA in present or Modifier.HYPOKALAEMIA in present or low_potassium_coded):
        yield Notice.SAFETY_K, "severe anaemia or low potassium, and treatment fills the cells"
    yield from _of_what_forbids(found)
    if Modifier.BLEEDING_RISK in present:
        yield Notice.SAFETY_BLEED, Modifier.BLEEDING_RISK
    elif found.anticoagulated:
        yield Notice.SAFETY_PRESSURE, "an anticoagulant on record"
    if Modifier.LOW_FOLATE in present:
        yield Notice.SAFETY_FOLATE, Modifier.LOW_FOLATE
    short = evidence.band in (Band.LOW, Band.INDETERMINATE)
    if found.contraceptive and short and evidence.b12 and evidence.b12.analyte is Analyte.B12:
        yield Notice.CONTRACEPTIVE, "an oestrogen contraceptive on record, and total B12 not clearly normal"
        if assessment.status is Status.INDETERMINATE and evidence.mma is None:
            yield Notice.WORKUP_MMA, "an oestrogen contraceptive lowers total B12 without deficiency"
    if Modifier.POLYCYTHAEMIA_VERA in present:
        yield Notice.SAFETY_PV, Modifier.POLYCYTHAEMIA_VERA
        yield Notice.REFER, Modifier.POLYCYTHAEMIA_VERA
    if Modifier.CHLORAMPHENICOL in present:
        yield Notice.SAFETY_CHLORAMPHENICOL, Modifier.CHLORAMPHENICOL
    if evidence.pregnant or evidence.breastfeeding:
        yield Notice.PREG, "pregnancy or breastfeeding"
    if Modifier.ASSAY_SUSPECT in present:
        yield Notice.ASSAY, Modifier.ASSAY_SUSPECT


def _of_what_forbids(found: Modifiers) -> Iterator[Raised]:
    """Yield what is said of a cobalamin that must not be given, whether or not that leaves a plan."""
    if Modifier.COBALAMIN_ALLERGY in found:
        yield Notice.SAFETY_ALLERGY, Modifier.COBALAMIN_ALLERGY
        yield Notice.REFER, Modifier.COBALAMIN_ALLERGY
    if Modifier.LEBER in found:
        yield Notice.SAFETY_LEBER, Modifier.LEBER


def _of_folate(evidence: Evidence, assessment: Assessment, found: Modifiers) -> Iterator[Raised]:
    """Yield the warning against folic acid alone: taken by somebody who may be short of B12 and is given none."""
    if evidence.therapy.active:
        return
    # In pregnancy the usual folic acid is kept.
    alone = bool(found.folic_acid) and not evidence.pregnant
    if alone and assessment.status in EXPLAINS:
        yield Notice.SAFETY_FOLATE, "folic acid on record, and no B12"
    if assessment.status is Status.UNKNOWN and (alone or Modifier.LOW_FOLATE in found):
        yield Notice.SAFETY_FOLATE, "folic acid on record or needed, and no B12 that counts"
        yield Notice.WORKUP_B12, "folic acid on record or needed, and no B12 that counts"


def _of_causes(evidence: Evidence, assessment: Assessment) -> Iterator[Raised]:
    if assessment.status is Status.OUT_OF_SCOPE:
        return
    if evidence.misuse:
        yield Notice.STOP_N2O, "nitrous oxide misuse on record"
    for attribution in assessment.causes or assessment.named.found:
        match attribution.cause.mechanism:
            # One anaesthetic is no habit to stop.
            case Mechanism.NITROUS_OXIDE if attribution.certainty is not Certainty.PROBABLE:
                yield Notice.STOP_N2O, "nitrous oxide is a cause"
            case Mechanism.TRANSPORT_METABOLIC if attribution.certainty is Certainty.ESTABLISHED:
                yield Notice.REFER, "a transport or metabolic disorder, established"
            case Mechanism.MEDICINE_INDUCED if assessment.causes and _still_taken(evidence, attribution):
                yield Notice.REVIEW_MEDICINE, "a medicine is a cause"
            case Mechanism.DIETARY:
                yield Notice.DIET, "the diet is a cause"
            case _:
                pass
        if attribution.cause.extent_unknown and assessment.causes:
            yield Notice.DATA, "the extent of the resection is not on record"


def _still_taken(evidence: Evidence, blamed: Attribution) -> bool:
    return any(e.course is Course.ACTIVE for e in evidence.record.exposures if e.resource in blamed.basis)


def _of_data(evidence: Evidence, assessment: Assessment, contradicting: tuple[Result, ...]) -> Iterator[Raised]:
    if assessment.status is Status.OUT_OF_SCOPE:
        return
    if contradicting or evidence.record.unreadable or unusable_b12(evidence):
        yield Notice.DATA, "results that cannot be used, or that disagree"
    inhalant_only = any(evidence.record.active_problems(Role.INHALANT_USE)) and not evidence.misuse
    if any(evidence.record.active_problems(Role.ALLERGY_IN_WORDS)):
        yield Notice.DATA, "an allergy to B12 or cobalt is coded in words alone"
    if inhalant_only and assessment.status in EXPLAINS:
        yield Notice.DATA, "inhalant use is coded: is it nitrous oxide?"
    measure = evidence.b12.measure if evidence.b12 and evidence.b12.analyte is Analyte.B12 else None
    if measure is not None and assessment.status is Status.UNLIKELY:
        limit = evidence.protocol.b12_high.get(measure.unit)
        # A high B12 reassures nobody after nitrous oxide, or beside an antibody that spoils the assay.
        misleading = evidence.gas or evidence.antibody
        if limit is not None and measure.above(limit) and not misleading:
            yield Notice.HIGH_B12, "B12 above the high line"
