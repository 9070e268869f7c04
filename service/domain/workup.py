"""Which tests are called for, and by what: a risk that meets a symptom, a protocol's screening, an open question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from service.domain.assess import Assessment
from service.domain.cause import Attribution
from service.domain.doubts import old_low, unusable_b12, without_band
from service.domain.evidence import Evidence
from service.domain.protocol import Band
from service.domain.record import Problem
from service.domain.results import in_date
from service.domain.terms import Analyte, Certainty, Mechanism, Modifier, Notice, Role, Status

#: A notice and what raised it: a modifier, or words.
Raised = tuple[Notice, str]
EXPLAINS = (Status.CONFIRMED, Status.INDETERMINATE)
_BLOOD = (Analyte.HAEMOGLOBIN, Analyte.FOLATE, Analyte.FERRITIN, Analyte.POTASSIUM, Analyte.EGFR)
_B12 = (Analyte.B12, Analyte.ACTIVE_B12)
_MONTHS_A_YEAR = 12


def of_workup(evidence: Evidence, assessment: Assessment) -> Iterator[Raised]:
    """Yield the notices that call for tests, with what raised each."""
    status = assessment.status
    if status in EXPLAINS:
        first = assessment.causes[0]
        settled = first.certainty is Certainty.ESTABLISHED and not first.cause.antibody_workup
        if not settled or first.cause.mechanism is Mechanism.MEDICINE_INDUCED:
            yield Notice.WORKUP_CAUSE, "the cause is not settled"
        if any(not in_date(evidence.record, evidence.protocol.limits, a, evidence.today) for a in _BLOOD):
            yield Notice.WORKUP_FBC, "a baseline blood test is not recent"
    unsettled = status is Status.INDETERMINATE and evidence.active_b12 is None
    if unsettled and (evidence.pregnant or assessment.rule.id == "K5r"):
        yield Notice.WORKUP_ACTIVE, "not settled, and total B12 misleads here"
    if status is Status.UNKNOWN:
        yield from _of_the_untested(evidence, assessment)
    unmarked = evidence.mma_alone is None and evidence.homocysteine_alone is None
    if evidence.gas and unmarked and status in (Status.UNKNOWN, Status.UNLIKELY, Status.INDETERMINATE):
        yield Notice.WORKUP_HCY, "nitrous oxide spoils B12, not its level: the markers tell"
        yield Notice.WORKUP_MMA, "nitrous oxide spoils B12, not its level: the markers tell"
    if evidence.record.black_ethnicity and evidence.band in (Band.UNLIKELY, Band.INDETERMINATE):
        yield Notice.ETHNICITY, "Black ethnicity and B12 not low"
        if evidence.mma is None:
            yield Notice.WORKUP_MMA, "Black ethnicity and no MMA beside the B12"


def _of_the_untested(evidence: Evidence, assessment: Assessment) -> Iterator[Raised]:
    """Yield what to send while no result counts; in pregnancy active B12, where the protocol has lines for it."""
    if evidence.band is not None:
        return  # Only the age is not known.
    worth = worth_testing(evidence, assessment)
    if worth or unusable_b12(evidence) or screened(evidence, assessment):
        active = evidence.pregnant and Analyte.ACTIVE_B12 in evidence.protocol.bands
        yield Notice.WORKUP_ACTIVE if active else Notice.WORKUP_B12, "a reason to test, and no result that counts"
    if evidence.strong_picture and evidence.b12 is None:
        yield Notice.WORKUP_MMA, "a strong picture, and no B12"
        if evidence.neurological:
            yield Notice.URGENT_NEURO, Modifier.NEUROLOGICAL


def worth_testing(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether there is a reason to test that a card may speak of: a symptom beside a risk, or stronger."""
    return bool(prompts(evidence, assessment)) or old_low(evidence) is not None


def worth_asking(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether a card asks for a B12 while no result counts (decisions, section 7)."""
    return worth_testing(evidence, assessment) or (unusable_b12(evidence) and evidence.any_symptom)


def prompts(evidence: Evidence, assessment: Assessment) -> tuple[str, ...]:
    """Return in words why a B12 is asked for: the risks and the signs that meet, or a strong picture."""
    found = tuple(_strong(evidence))
    signs = tuple(_signs(evidence))
    risks = tuple(_risks(evidence, assessment)) if signs else ()
    return tuple(dict.fromkeys((*risks, *signs, *found) if risks else found))


def _strong(evidence: Evidence) -> Iterator[str]:
    yield from (p.concept.title for p in evidence.record.active_problems(Role.STRONG_PICTURE))
    if evidence.film:
        yield "megaloblastic film"
    if evidence.antibody:
        yield "intrinsic factor antibody positive"


def _signs(evidence: Evidence) -> Iterator[str]:
    """Yield the signs and symptoms: coded ones, and anaemia; symptoms in words are for the reader to judge."""
    coded = tuple(s for s in evidence.symptoms if not s.text_only)
    yield from (p.concept.title for p in (*evidence.neurology, *evidence.possible_neurology, *coded))
    if evidence.anaemia:
        yield "anaemia"


def _risks(evidence: Evidence, assessment: Assessment) -> Iterator[str]:
    yield from (words for a in _causes(assessment) for words in _told(a, evidence.today))
    yield from (p.concept.title for p in risk_problems(evidence))
    oldest = evidence.protocol.screening.age_over
    if oldest is not None and _older(evidence, oldest):
        yield f"age over {oldest}"


def _causes(assessment: Assessment) -> Iterable[Attribution]:
    """Return the causes that are risks: a pregnancy alone needs more B12 and is none (NG239's list)."""
    return (a for a in assessment.named.found if a.cause.mechanism is not Mechanism.INCREASED_REQUIREMENT)


def _told(attribution: Attribution, today: date) -> Iterator[str]:
    if not attribution.since:
        yield attribution.cause.title
    yield from (f"{title}{_for(start, today)}" for title, start in attribution.since)


def _for(start: date, today: date) -> str:
    """Return how long ago a day was, in whole years from the second on, else in months."""
    months = (today.year - start.year) * _MONTHS_A_YEAR + today.month - start.month - (today.day < start.day)
    if months < 1:
        return ""
    if months >= 2 * _MONTHS_A_YEAR:
        return f" for {months // _MONTHS_A_YEAR} years"
    return f" for {months} month{'s' if months > 1 else ''}"


def risk_problems(evidence: Evidence) -> tuple[Problem, ...]:
    """Return the problems that make B12 deficiency likelier and are no cause by themselves."""
    return tuple(p for p in evidence.record.active_problems(Role.RISK) if not p.concept.cause)


def screened(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether the protocol tests this patient for the risk alone, who was never tested."""
    rule = evidence.protocol.screening
    if rule.needs_symptom or not untested(evidence):
        return False
    aged = rule.age_over is not None and _older(evidence, rule.age_over)
    return aged or any(a.cause.id in rule.causes for a in _causes(assessment))


def at_risk_untested(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether the patient is at risk of deficiency and was never tested."""
    return untested(evidence) and any(_risks(evidence, assessment))


def untested(evidence: Evidence) -> bool:
    """Return whether no B12 of any age is on record, or none that could be used."""
    return without_band(evidence) or not any(evidence.record.of(test) for test in _B12)


def _older(evidence: Evidence, years: int) -> bool:
    return evidence.age is not None and evidence.age[0] > years
