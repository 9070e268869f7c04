"""The whole decision in one pure call: record, protocol and day in; verdict, plan and words to say out."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from service.domain.assess import Assessment, assess
from service.domain.doubts import contradicting
from service.domain.evidence import Evidence, gather
from service.domain.index import Test
from service.domain.intervals import Course, course_of
from service.domain.modifiers import Modifiers, modifiers
from service.domain.notices import notices, unsafe_therapy
from service.domain.offers import Offer, offers
from service.domain.orders import Schedule, schedule
from service.domain.protocol import Book, Investigation, Protocol
from service.domain.recommend import Need, Option, Plan, need_of, recommend
from service.domain.record import Exposure, Record, Result
from service.domain.response import Response, Verdict, beginning, judge, silent, uncounted
from service.domain.results import in_date, is_positive
from service.domain.terms import Analyte, Notice, Status

_WATCHED = frozenset({Notice.URGENT_ANAEMIA, Notice.SAFETY_K})
_MARKERS = frozenset({Analyte.MMA, Analyte.HOMOCYSTEINE})
#: Tests of which a result in date may settle nothing.
_LOOKED_INTO = _MARKERS | {Analyte.INTRINSIC_FACTOR_ANTIBODY, Analyte.TOTAL_IGA, Analyte.POTASSIUM}


class Decision(NamedTuple):
    """Everything decided about one patient on one day under one protocol."""

    evidence: Evidence
    assessment: Assessment
    modifiers: Modifiers
    need: Need
    plan: Plan
    schedules: tuple[tuple[Option, Schedule], ...]
    notices: tuple[str, ...]
    investigations: tuple[Investigation, ...]
    tests: tuple[Test, ...]
    unsafe: tuple[Exposure, ...]
    response: Response | None
    given: Course
    offers: tuple[Offer, ...]
    contradicting: tuple[Result, ...]

    @property
    def unstable(self) -> bool:
        """Return whether a patient on treatment is not well on it, is not given what is due, or is just beginning."""
        if self.assessment.status is not Status.ON_TREATMENT:
            return False
        poor = self.response is not None and self.response.verdict is Verdict.POOR
        return poor or self.given.astray or not _WATCHED.isdisjoint(self.notices)

    @property
    def protocol(self) -> Protocol:
        """Return the protocol the decision was made under."""
        return self.evidence.protocol


def decide(record: Record, protocol: Protocol, book: Book, today: date) -> Decision:
    """Return the decision for a record under a protocol as of a day."""
    evidence = gather(record, protocol, today)
    assessment = assess(evidence, book.causes)
    found = modifiers(evidence, assessment)
    need = need_of(evidence, assessment, found)
    plan = recommend(protocol, need, book.drugs)
    pregnant = bool(evidence.pregnant or evidence.breastfeeding)
    schedules = tuple(
        (option, dated)
        for option in plan.options
        if (dated := schedule(option, protocol, today, pregnant=pregnant)) is not None
    )
    if plan.options and not schedules:
        plan = Plan((), "no product on the protocol's list can give the dose", plan.duration, plan.row)
    differing = contradicting(evidence)
    said = notices(evidence, assessment, found, plan, differing, book)
    calling, wanted = frozenset(said) - silent(evidence, assessment), found.wanted if plan.options else ()
    if uncounted(evidence, assessment):
        wanted = (Analyte.HAEMOGLOBIN,)
    asked = _investigations(evidence, calling, book, wanted)
    unsafe = unsafe_therapy(evidence, found, book)
    response, given = judge(evidence), course_of(evidence, assessment)
    open_to = offers(evidence, assessment, found, response, given, book.causes)
    return Decision(
        evidence,
        assessment,
        found,
        need,
        plan,
        schedules,
        said,
        asked,
        book.tests,
        unsafe,
        response,
        given,
        open_to,
        differing,
    )


def _investigations(
    evidence: Evidence, noticed: frozenset[str], book: Book, wanted: tuple[Analyte, ...]
) -> tuple[Investigation, ...]:
    """Return the tests to ask for: called for by a notice or a hazard, and with no result in date."""

    def known(analyte: Analyte) -> bool:
        results = in_date(evidence.record, evidence.protocol.limits, analyte, evidence.today)
        if analyte not in _LOOKED_INTO:
            return bool(results)
        if evidence.band is not None and analyte in _MARKERS:
            # One that does not pair with the B12 settles nothing.
            return (evidence.mma if analyte is Analyte.MMA else evidence.homocysteine) is not None
        if analyte is Analyte.INTRINSIC_FACTOR_ANTIBODY:
            # Drawn soon after an injection, or without an answer, it settles nothing.
            return any(
                is_positive(r) is not None and not evidence.therapy.soon_after_injection(r.taken) for r in results
            )
        if analyte is Analyte.TOTAL_IGA and any(is_positive(r) for r in coeliac):
            return True  # it tells only whether a negative serology can be believed
        if analyte is Analyte.POTASSIUM and begun is not None:
            # One from before the first dose says nothing of what the doses do.
            return any(r.taken.earliest > begun for r in results)
        return bool(results)

    begun = beginning(evidence)
    coeliac = in_date(evidence.record, evidence.protocol.limits, Analyte.COELIAC_SEROLOGY, evidence.today)
    repeated = noticed & {Notice.WORKUP_B12, Notice.WORKUP_ACTIVE}
    asked = [
        i for i in book.investigations if not (noticed.isdisjoint(i.notices) and set(wanted).isdisjoint(i.analytes))
    ]
    return tuple(i for i in asked if not repeated.isdisjoint(i.notices) or not any(known(a) for a in i.analytes))
