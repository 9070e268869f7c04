"""Why this card, and why not the others: the decision's own functions, walked again and written down."""

from __future__ import annotations

from service.domain.decision import Decision
from service.domain.draft import Drafts, Stage
from service.domain.protocol import Book
from service.explanation import around, plan, treatment, verdict
from service.explanation import drafts as orders
from service.explanation.facts import Facts, Sources
from service.explanation.trace import NamedProtocol, Trace


def explain(decision: Decision, book: Book, drafts: tuple[Drafts, Stage] | None = None) -> Trace:
    """Return the trace of a decision, and of the unsigned orders it was made beside; it is not made again."""
    facts, sources = Facts(decision.evidence.record, decision.tests), Sources(book)
    protocol = decision.protocol
    return Trace(
        protocol=NamedProtocol(id=protocol.id, version=protocol.version, cite=sources.of(protocol.cite)),
        rule_set=book.version,
        date=decision.evidence.today.isoformat(),
        verdict=verdict.verdict(decision, book, facts, sources),
        causes=verdict.causes(decision, facts, sources),
        modifiers=around.modifiers(decision, facts),
        plan=plan.plan(decision, book, sources),
        treatment=treatment.treatment(decision, facts, sources),
        notices=around.notices(decision, book, facts),
        conflicts=around.disputes(decision, book),
        elsewhere=around.others(decision, book),
        drafts=orders.drafts(decision, book, facts, *drafts) if drafts is not None else (),
    )
