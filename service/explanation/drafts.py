"""The unsigned orders of a request: how each was read, what is wrong with it, and what was looked for in vain."""

from __future__ import annotations

from service.domain.checks import asked_of, findings, looks_for
from service.domain.decision import Decision
from service.domain.draft import Draft, Drafts, Stage, is_ours
from service.domain.faults import Finding, Look
from service.domain.protocol import Book
from service.domain.review import is_antidote
from service.domain.terms import Status
from service.explanation.facts import Facts
from service.explanation.trace import DraftFound, DraftSeen


def drafts(decision: Decision, book: Book, facts: Facts, sent: Drafts, stage: Stage) -> tuple[DraftSeen, ...]:
    """Return each unsigned order as it was looked at."""
    return tuple(_seen(draft, decision, book, facts, Look(decision, sent, book, stage, draft)) for draft in sent.orders)


def _seen(draft: Draft, decision: Decision, book: Book, facts: Facts, look: Look) -> DraftSeen:
    why = _passed_over(draft, decision, book)
    found = [] if why is not None else findings(look)
    kinds = {finding.kind for finding in found}
    tried = [looks_for(check) for check in asked_of(look)] if why is None else []
    return DraftSeen(
        resource=draft.name,
        medicines=tuple(dict.fromkeys(e.concept.title for e in draft.medicines)),
        proposed=is_ours(draft, decision),
        passed_over=why,
        unread=draft.unread,
        found=tuple(_found(finding, book, facts) for finding in found),
        not_found=tuple(kind.value for kind in tried if kind not in kinds),
    )


def _passed_over(draft: Draft, decision: Decision, book: Book) -> str | None:
    """Return why nothing is asked of a draft, or None when it is looked at."""
    if decision.assessment.status is Status.OUT_OF_SCOPE:
        return "the patient is out of scope"
    if decision.evidence.record.deceased:
        return "the patient has died"
    if not draft.selected:
        return "it was not selected"
    if is_antidote(draft, decision, book):
        return "it is an antidote"
    return None


def _found(finding: Finding, book: Book, facts: Facts) -> DraftFound:
    return DraftFound(
        kind=finding.kind.value,
        says=book.wording.phrases[f"draft-{finding.kind.value}"],
        urgency=finding.urgency.name.lower(),
        remedy=finding.remedy.value,
        because=finding.why or None,
        tests=tuple(test.title for test in finding.tests),
        findings=facts.of(exposure.resource for exposure in finding.stops),
    )
