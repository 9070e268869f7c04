"""The whole decision in one pure call: record, protocol and day in; verdict, plan and words to say out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from service.domain.assess import Assessment, assess
from service.domain.evidence import Evidence, gather
from service.domain.index import Test
from service.domain.modifiers import Modifiers, modifiers
from service.domain.notices import notices, unsafe_therapy
from service.domain.orders import Schedule, schedule
from service.domain.protocol import Book, Investigation, Protocol
from service.domain.recommend import Option, Plan, recommend
from service.domain.record import Exposure, Record
from service.domain.results import in_date, is_positive
from service.domain.terms import Analyte, Notice


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything decided about one patient on one day under one protocol."""

    evidence: Evidence
    assessment: Assessment
    modifiers: Modifiers
    plan: Plan
    schedules: tuple[tuple[Option, Schedule], ...]
    notices: tuple[str, ...]
    investigations: tuple[Investigation, ...]
    tests: tuple[Test, ...]
    unsafe: tuple[Exposure, ...]

    @property
    def protocol(self) -> Protocol:
        """Return the protocol the decision was made under."""
        return self.evidence.protocol


def decide(record: Record, protocol: Protocol, book: Book, today: date) -> Decision:
    """Return the decision for a record under a protocol as of a day."""
    evidence = gather(record, protocol, today)
    assessment = assess(evidence, book.causes)
    found = modifiers(evidence, assessment)
    plan = recommend(evidence, assessment, found, book.drugs)
    pregnant = bool(evidence.pregnant or evidence.breastfeeding)
    schedules = tuple(
        (option, dated)
        for option in plan.options
        if (dated := schedule(option, protocol, today, pregnant=pregnant)) is not None
    )
    if plan.options and not schedules:
        plan = Plan((), "no product on the protocol's list can give the dose", plan.duration, plan.row)
    said = notices(evidence, assessment, found, plan, book)
    asked = _investigations(evidence, said, book)
    unsafe = unsafe_therapy(evidence, found, book)
    return Decision(evidence, assessment, found, plan, schedules, said, asked, book.tests, unsafe)


def _investigations(evidence: Evidence, said: tuple[str, ...], book: Book) -> tuple[Investigation, ...]:
    """Return the tests to ask for: called for by a notice, and with no result in date."""

    def known(analyte: Analyte) -> bool:
        results = in_date(evidence.record, evidence.protocol.limits, analyte, evidence.today)
        if analyte is Analyte.INTRINSIC_FACTOR_ANTIBODY:
            # Drawn soon after an injection, or without an answer, it settles nothing.
            return any(
                is_positive(r) is not None and not evidence.therapy.soon_after_injection(r.taken) for r in results
            )
        return bool(results)

    noticed = frozenset(said)
    repeated = noticed & {Notice.WORKUP_B12, Notice.WORKUP_ACTIVE}
    asked = [i for i in book.investigations if not noticed.isdisjoint(i.notices)]
    return tuple(i for i in asked if not repeated.isdisjoint(i.notices) or not any(known(a) for a in i.analytes))
