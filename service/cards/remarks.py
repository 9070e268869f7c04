"""What a card adds to what is not known: tests that are missing, what explains a result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from service.cards.text import capital, day, escaped, listed
from service.domain.decision import Decision
from service.domain.protocol import Book
from service.domain.record import Course, Result
from service.domain.results import Marker, in_date, is_positive
from service.domain.terms import Analyte, Role

_HAZARDS = (Analyte.INR, Analyte.PLATELETS)


def remarks(decision: Decision, book: Book) -> Iterator[str]:
    """Yield each remark as a sentence."""
    yield from _kidneys(decision, book)
    yield from _missing(decision)
    yield from _explained(decision, book)
    yield from _pregnancy(decision, book)
    if any(decision.evidence.record.active_problems(Role.ALLERGY_IN_WORDS)):
        yield f"{book.wording.phrases['allergy-in-words']}."


def _newest(decision: Decision, analyte: Analyte) -> Result | None:
    evidence = decision.evidence
    return next(iter(in_date(evidence.record, decision.protocol.limits, analyte, evidence.today)), None)


def _kidneys(decision: Decision, book: Book) -> Iterator[str]:
    """Yield that the kidneys are counted as normal where a marker rests on them; with a creatinine if any."""
    evidence, says = decision.evidence, book.wording.phrases
    if evidence.renal is not None or (evidence.mma is None and evidence.homocysteine is None):
        return
    creatinine = _newest(decision, Analyte.CREATININE)
    if creatinine is None:
        yield f"{says['kidney-counted']}."
    else:
        shown = f"Creatinine {escaped(creatinine.shown)} ({day(creatinine.taken.latest)})"
        yield f"{shown}, {says['kidney-creatinine']}."


def _missing(decision: Decision) -> Iterator[str]:
    """Yield the tests that a hazard asks for and nobody has sent: unknown is never in range."""
    if decision.plan.options:
        titles = {test.analyte: test.title for test in decision.tests}
        wanted = (analyte for analyte in decision.modifiers.wanted if analyte in _HAZARDS)
        yield from (f"{capital(titles[analyte])[:-1]}: not known." for analyte in wanted)


def _explained(decision: Decision, book: Book) -> Iterator[str]:
    """Yield what else on record explains a raised homocysteine or a low folate."""
    evidence, says = decision.evidence, book.wording.phrases
    raised = evidence.homocysteine_alone is not None and evidence.homocysteine_alone.marker is Marker.RAISED
    confounders = dict.fromkeys(p.concept.title for p in evidence.record.active_problems(Role.HOMOCYSTEINE_CONFOUNDER))
    if raised and confounders:
        yield f"{capital(listed(confounders))[:-1]} {says['homocysteine-confounded']}."
    lowering = dict.fromkeys(
        escaped(e.text)
        for e in evidence.record.exposures
        if Role.FOLATE_ANTAGONIST in e.concept.roles and e.course is Course.ACTIVE
    )
    if lowering and (raised or evidence.folate_low):
        yield f"{capital(listed(lowering))[:-1]} {says['lowers-folate']}."


def _pregnancy(decision: Decision, book: Book) -> Iterator[str]:
    """Yield what is in doubt of a pregnancy: on record for too long, or shown by a test alone."""
    evidence, says = decision.evidence, book.wording.phrases
    oldest = evidence.today - timedelta(days=decision.protocol.limits.pregnancy_status_days)
    for problem in evidence.record.active_problems(Role.PREGNANCY):
        if problem.resource in evidence.pregnant and problem.onset is not None and problem.onset.latest < oldest:
            yield f"{says['pregnancy-old']} {day(problem.onset.latest)} ({escaped(problem.resource)})."
    test = _newest(decision, Analyte.PREGNANCY_TEST)
    if test is not None and is_positive(test) and not evidence.pregnant:
        yield f"{says['pregnancy-test']} {day(test.taken.latest)}."
