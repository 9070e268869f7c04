"""Unsigned orders beside the patient's record: everything found of each, gathered into one matter a card."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from service.domain.checks import findings
from service.domain.decision import Decision
from service.domain.draft import Draft, Drafts, Stage
from service.domain.faults import Finding, Kind, Look, Remedy, Urgency, other_unit
from service.domain.protocol import Book
from service.domain.terms import Role, Status


@dataclass(frozen=True, slots=True)
class Matter:
    """What one card is about: drafts with the same chief finding, and everything found of them."""

    kind: Kind
    findings: tuple[Finding, ...]

    @property
    def urgency(self) -> Urgency:
        """Return how urgent its most urgent finding is."""
        return max(finding.urgency for finding in self.findings)

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """Return the drafts it is about, each once."""
        return tuple({finding.draft.name: finding.draft for finding in self.findings}.values())


def review(
    decision: Decision, drafts: Drafts, book: Book, stage: Stage, off: Container[Kind] = ()
) -> tuple[Matter, ...]:
    """Return what is wrong with the drafts that are spoken of, one matter a card, the most pressing first.

    The decision is made from the record without these drafts. Nobody gets advice who is out of its scope, nor any of a
    kind that is `off`.
    """
    if decision.assessment.status is Status.OUT_OF_SCOPE or decision.evidence.record.deceased:
        return ()
    held: dict[Kind, list[Finding]] = {}
    for draft in drafts.orders:
        if draft.selected and not is_antidote(draft, decision, book):
            wrong = [f for f in findings(Look(decision, drafts, book, stage, draft)) if f.kind not in off]
            for chief, found in _grouped(wrong):
                held.setdefault(chief, []).extend(found)
    return tuple(Matter(kind, tuple(held[kind])) for kind in Kind if kind in held)


def _grouped(found: list[Finding]) -> Iterator[tuple[Kind, list[Finding]]]:
    """Yield what is found of one draft under its chief finding; where it goes, nothing is asked of it any more."""
    corrections = [f for f in found if f.remedy is not Remedy.TEST]
    gone = next((f for f in corrections if f.remedy in (Remedy.REMOVE, Remedy.REPLACE)), None)
    corrections.sort(key=lambda f: -f.urgency)
    if corrections:
        yield corrections[0].kind, corrections
    if gone is not None:
        return
    yield from ((f.kind, [f]) for f in found if f.remedy is Remedy.TEST)


def is_antidote(draft: Draft, decision: Decision, book: Book) -> bool:
    """Return whether a cobalamin is drafted against a poison; a slip of unit is none."""
    b12 = draft.b12
    if b12 is None:
        return any(Role.ANTIDOTE in e.concept.roles for e in draft.medicines)
    if b12.as_antidote:
        return True
    large = b12.dose is not None and b12.dose.at_least(decision.protocol.limits.antidote_dose) is True
    return large and other_unit(draft, b12, book) is None
