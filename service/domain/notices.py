"""What must be said beside the plan: one notice a matter, in the order of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from service.domain.assess import Assessment
from service.domain.evidence import Evidence
from service.domain.modifiers import Modifiers
from service.domain.protocol import Band, Book, Conflict, Protocol
from service.domain.recommend import Plan
from service.domain.record import Exposure, Result, months_before
from service.domain.results import Aside, band_of, in_date
from service.domain.terms import Analyte, Certainty, Mechanism, Modifier, Notice, Role, Status

_IN_ORDER = tuple(Notice)
_EXPLAINS = (Status.CONFIRMED, Status.INDETERMINATE)
_BLOOD = (Analyte.HAEMOGLOBIN, Analyte.FOLATE, Analyte.FERRITIN, Analyte.POTASSIUM)


def notices(evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan, book: Book) -> tuple[str, ...]:
    """Return every notice that applies, without repeats: the vocabulary's first, then conflicts by number."""
    said = set(assessment.rule.notices)
    said.update(_of_plan(evidence, assessment, found, plan))
    said.update(_of_safety(evidence, assessment, found, plan))
    said.update(_of_causes(evidence, assessment))
    said.update(_of_workup(evidence, assessment))
    said.update(_of_data(evidence, assessment))
    ordered = tuple(notice.value for notice in _IN_ORDER if notice in said)
    return ordered + tuple(f"conflict-{c.id.lower()}" for c in conflicts(evidence, assessment, found, book))


def _of_plan(evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan) -> Iterator[Notice]:
    if plan.options:
        yield Notice.PLAN
    if assessment.prevention:
        yield Notice.PREVENT
    if assessment.status is Status.UNLIKELY:
        yield Notice.NOT_DEFICIENT
    if assessment.mechanism is Mechanism.TRANSPORT_METABOLIC:
        yield Notice.REFER
        if Modifier.NEUROLOGICAL in found:
            yield Notice.URGENT_NEURO
    treated = evidence.therapy
    if treated.active and not plan.options:
        yield Notice.DUPLICATE
    if treated.injected and assessment.status is not Status.OUT_OF_SCOPE:
        yield Notice.NO_REPEAT
    if failing(evidence, assessment):
        yield Notice.RESPONSE
    if assessment.rule.id == "K5t" or Modifier.ADHERENCE in found or Modifier.SWALLOWING in found:
        yield Notice.ADHERENCE


def failing(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether B12 therapy is on record and the patient is not well on it.

    Signs that were there when therapy began are given the time it needs; a nerve that fails later is not.
    """
    if assessment.rule.id == "K5t":
        return True
    if assessment.status is not Status.ON_TREATMENT:
        return assessment.start_now and evidence.therapy.injected
    troubled = bool(evidence.symptoms) or evidence.any_symptom or evidence.severe_anaemia
    weeks = timedelta(weeks=evidence.protocol.limits.treated_weeks)
    began = [evidence.therapy.began(course) for course in evidence.therapy.active]
    settled = any(start is None or evidence.today - start >= weeks for start in began)
    onsets = [problem.onset for problem in evidence.neurology if problem.onset is not None]
    new_nerve = any(start is not None and onset.earliest > start for onset in onsets for start in began)
    return troubled and (settled or new_nerve)


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


def _of_safety(evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan) -> Iterator[Notice]:
    if Modifier.RENAL_IMPAIRMENT in found and (evidence.mma_alone or evidence.homocysteine_alone):
        yield Notice.SAFETY_RENAL
    if assessment.status not in (*_EXPLAINS, Status.ON_TREATMENT) and not plan.options:
        return
    treating = (assessment.start_now and not _only_prevents(assessment)) or failing(evidence, assessment)
    if Modifier.NEUROLOGICAL in found and (treating or evidence.therapy.injected):
        yield Notice.URGENT_NEURO
    if Modifier.SEVERE_ANAEMIA in found and treating:
        yield Notice.URGENT_ANAEMIA
    low_potassium_coded = any(evidence.record.active_problems(Role.HYPOKALAEMIA))
    if treating and (Modifier.SEVERE_ANAEMIA in found or Modifier.HYPOKALAEMIA in found or low_potassium_coded):
        yield Notice.SAFETY_K
    if Modifier.COBALAMIN_ALLERGY in found:
        yield Notice.SAFETY_ALLERGY
        yield Notice.REFER
    if Modifier.LEBER in found:
        yield Notice.SAFETY_LEBER
    if Modifier.BLEEDING_RISK in found:
        yield Notice.SAFETY_BLEED
    elif found.anticoagulated:
        yield Notice.SAFETY_PRESSURE
    if Modifier.LOW_FOLATE in found:
        yield Notice.SAFETY_FOLATE
    if Modifier.POLYCYTHAEMIA_VERA in found:
        yield Notice.SAFETY_PV
        yield Notice.REFER
    if Modifier.CHLORAMPHENICOL in found:
        yield Notice.SAFETY_CHLORAMPHENICOL
    if evidence.pregnant or evidence.breastfeeding:
        yield Notice.PREG
    if Modifier.ASSAY_SUSPECT in found:
        yield Notice.ASSAY


def _of_causes(evidence: Evidence, assessment: Assessment) -> Iterator[Notice]:
    if assessment.status is Status.OUT_OF_SCOPE:
        return
    if evidence.misuse:
        yield Notice.STOP_N2O
    for attribution in assessment.causes or assessment.named.found:
        match attribution.cause.mechanism:
            # One anaesthetic is no habit to stop.
            case Mechanism.NITROUS_OXIDE if attribution.certainty is not Certainty.PROBABLE:
                yield Notice.STOP_N2O
            case Mechanism.TRANSPORT_METABOLIC if attribution.certainty is Certainty.ESTABLISHED:
                yield Notice.REFER
            case Mechanism.MEDICINE_INDUCED if assessment.causes:
                yield Notice.REVIEW_MEDICINE
            case Mechanism.DIETARY:
                yield Notice.DIET
            case _:
                pass
        if attribution.cause.extent_unknown and assessment.causes:
            yield Notice.DATA


def _of_workup(evidence: Evidence, assessment: Assessment) -> Iterator[Notice]:
    if assessment.status in _EXPLAINS:
        first = assessment.causes[0]
        settled = first.certainty is Certainty.ESTABLISHED and not first.cause.antibody_workup
        if not settled or first.cause.mechanism is Mechanism.MEDICINE_INDUCED:
            yield Notice.WORKUP_CAUSE
        if any(not in_date(evidence.record, evidence.protocol.limits, a, evidence.today) for a in _BLOOD):
            yield Notice.WORKUP_FBC
    unsettled = assessment.status is Status.INDETERMINATE and evidence.active_b12 is None
    if unsettled and (evidence.pregnant or assessment.rule.id == "K5r"):
        yield Notice.WORKUP_ACTIVE
    if assessment.status is Status.UNKNOWN and (worth_testing(evidence) or unusable_b12(evidence)):
        yield Notice.WORKUP_B12
    if evidence.record.black_ethnicity and evidence.band in (Band.UNLIKELY, Band.INDETERMINATE):
        yield Notice.ETHNICITY
        if evidence.mma is None:
            yield Notice.WORKUP_MMA


def worth_testing(evidence: Evidence) -> bool:
    """Return whether a symptom meets a risk, or an old low B12 was never followed: reasons to test."""
    return (evidence.any_symptom and at_risk(evidence)) or old_low(evidence) is not None


def old_low(evidence: Evidence) -> Result | None:
    """Return a low B12 too old to count, never treated and with none newer."""
    aside = [(r, why) for r, why in evidence.set_aside if why is Aside.OLD]
    if evidence.b12 is not None or not aside or evidence.therapy.all:
        return None
    newest = max((r for r, _ in aside), key=lambda r: (r.taken.latest, r.resource))
    return newest if band_of(newest, evidence.protocol) is Band.LOW else None


def at_risk(evidence: Evidence) -> bool:
    """Return whether anything coded makes B12 deficiency likelier."""
    record = evidence.record
    coded = any(p.active and (Role.RISK in p.concept.roles or p.concept.cause) for p in record.problems)
    medicine = any(e.concept.cause or Role.RISK in e.concept.roles for e in record.exposures)
    return coded or medicine or any(p.concept.cause for p in record.procedures)


def unusable_b12(evidence: Evidence) -> bool:
    """Return whether a B12 result is on record that could not be used."""
    tests = (Analyte.B12, Analyte.ACTIVE_B12)
    unreadable = any(u.analyte in tests for u in evidence.record.unreadable)
    if evidence.b12 is not None and evidence.band is None:
        return True
    return unreadable or any(why is Aside.UNDECIDABLE for _, why in evidence.set_aside)


def contradicting(evidence: Evidence) -> tuple[Result, ...]:
    """Return B12 results that did not count and lie in another band than the one that did."""
    if evidence.band is None:
        return ()
    not_counted = tuple(r for r, why in evidence.set_aside if why in (Aside.OLD, Aside.FUTURE))
    recent = months_before(evidence.today, evidence.protocol.limits.b12_months)
    older = tuple(
        r
        for test in (Analyte.B12, Analyte.ACTIVE_B12)
        for r in evidence.record.of(test)
        if r is not evidence.b12
        and r.taken.earliest >= recent
        and r not in not_counted
        and not any(r is aside for aside, _ in evidence.set_aside)
    )
    return tuple(r for r in not_counted + older if band_of(r, evidence.protocol) not in (None, evidence.band))


def _of_data(evidence: Evidence, assessment: Assessment) -> Iterator[Notice]:
    if assessment.status is Status.OUT_OF_SCOPE:
        return
    if unusable_b12(evidence) or contradicting(evidence) or evidence.record.unreadable:
        yield Notice.DATA
    inhalant_only = any(evidence.record.active_problems(Role.INHALANT_USE)) and not evidence.misuse
    if inhalant_only and assessment.status in _EXPLAINS:
        yield Notice.DATA
    measure = evidence.b12.measure if evidence.b12 and evidence.b12.analyte is Analyte.B12 else None
    if measure is not None and assessment.status is Status.UNLIKELY:
        limit = evidence.protocol.b12_high.get(measure.unit)
        if limit is not None and measure.above(limit):
            yield Notice.HIGH_B12


def conflicts(evidence: Evidence, assessment: Assessment, found: Modifiers, book: Book) -> tuple[Conflict, ...]:
    """Return the conflicts between guidelines that matter for this patient."""
    if assessment.status not in (*_EXPLAINS, Status.ON_TREATMENT) and not assessment.prevention:
        return ()
    return tuple(c for c in book.conflicts if _matters(c, evidence, assessment, found, book.protocols.values()))


def _matters(
    conflict: Conflict,
    evidence: Evidence,
    assessment: Assessment,
    found: Modifiers,
    protocols: Iterable[Protocol],
) -> bool:
    if conflict.mechanisms and assessment.mechanism not in conflict.mechanisms:
        return False
    if conflict.causes and not any(a.cause.id in conflict.causes for a in assessment.causes):
        return False
    if conflict.modifiers and not any(m.value in conflict.modifiers for m in found.present):
        return False
    if any(m.value in conflict.unless for m in found.present):
        return False
    if conflict.on_injections and not evidence.therapy.injected:
        return False
    if conflict.band_differs:
        if evidence.b12 is None:
            return False
        return len({band_of(evidence.b12, p) for p in protocols if p.bands}) > 1
    return bool(conflict.mechanisms or conflict.causes or conflict.modifiers or conflict.on_injections)
