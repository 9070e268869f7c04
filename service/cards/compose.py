"""From a decision to CDS Hooks cards: when to speak, how urgently, in how many words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cds_hooks.wire import Card, Coding, Indicator, Link, LinkType, SelectionBehavior, Source, Suggestion
from service.cards import detail
from service.cards.suggestions import orders, tests
from service.cards.text import capital, day, fitted
from service.domain.decision import Decision
from service.domain.notices import old_low, worth_testing
from service.domain.protocol import Band, Book
from service.domain.terms import Modifier, Notice, Role, Status

EXTENSION = "org.b12-cds.assessment"
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:b12-cds:card")
_QUIET = frozenset({Status.UNLIKELY, Status.UNKNOWN, Status.ON_TREATMENT, Status.OUT_OF_SCOPE})
_STATUS = {
    Status.CONFIRMED: "B12 deficiency confirmed",
    Status.INDETERMINATE: "B12 deficiency not settled",
    Status.UNLIKELY: "B12 deficiency unlikely",
    Status.UNKNOWN: "B12 status not known",
    Status.ON_TREATMENT: "On B12 treatment",
    Status.OUT_OF_SCOPE: "Under 16: no advice from this service",
}


@dataclass(frozen=True, slots=True)
class Address:
    """For whom the cards are and what makes their ids: the same request gives the same ids."""

    patient: str
    seed: str
    encounter: str | None = None
    original: Callable[[str], dict[str, Any] | None] = lambda _: None


def cards_of(decision: Decision, book: Book, address: Address, extension: dict[str, Any]) -> tuple[Card, ...]:
    """Return the cards for a decision: none when there is nothing to say (decisions, section 7)."""
    if decision.evidence.record.deceased:
        return ()
    cards = []
    if _treats(decision):
        cards.append(_treatment(decision, book, address, extension))
    if _asks(decision):
        cards.append(_workup(decision, book, address, extension))
    return tuple(cards)


def _treats(decision: Decision) -> bool:
    """Return whether there is a plan to offer, a reason why not, or a treatment in trouble."""
    if decision.schedules or decision.plan.none_because is not None:
        return True
    if decision.assessment.status is Status.OUT_OF_SCOPE:
        return decision.evidence.band is Band.LOW
    return Notice.RESPONSE.value in decision.notices


def _asks(decision: Decision) -> bool:
    evidence, status = decision.evidence, decision.assessment.status
    if status is Status.UNKNOWN and evidence.age is None:
        return evidence.b12 is not None or any(evidence.record.active_problems(Role.B12_DIAGNOSIS))
    if status is Status.UNKNOWN:
        return worth_testing(evidence) or old_low(evidence) is not None
    if status in _QUIET and not decision.assessment.prevention:
        return False
    return bool(decision.investigations) or not _treats(decision)


def _treatment(decision: Decision, book: Book, address: Address, extension: dict[str, Any]) -> Card:
    suggestions = orders(decision, book, address.patient, address.encounter, address.seed, address.original)
    return _card("treatment", decision, book, address, extension, _indicator(decision), suggestions)


def _indicator(decision: Decision) -> Indicator:
    pressing = Modifier.NEUROLOGICAL in decision.modifiers or Modifier.SEVERE_ANAEMIA in decision.modifiers
    if decision.schedules:
        return Indicator.CRITICAL if pressing else Indicator.WARNING
    return Indicator.WARNING if decision.assessment.start_now else Indicator.INFO


def _workup(decision: Decision, book: Book, address: Address, extension: dict[str, Any]) -> Card:
    suggestions = tests(decision, book, address.patient, address.encounter, address.seed)
    return _card("workup", decision, book, address, extension, Indicator.INFO, suggestions)


def _card(
    kind: str,
    decision: Decision,
    book: Book,
    address: Address,
    extension: dict[str, Any],
    indicator: Indicator,
    suggestions: tuple[Suggestion, ...],
) -> Card:
    protocol = decision.protocol
    url = book.sources[protocol.cite.source].url
    topic = Coding(system=book.wording.topic[0], code=book.wording.topic[1], display=book.wording.topic[2])
    behaviour = SelectionBehavior.ANY if kind == "workup" else SelectionBehavior.AT_MOST_ONE
    treating = kind == "treatment"
    return Card(
        uuid=str(uuid5(_NAMESPACE, f"{address.seed}|{kind}")),
        summary=_summary(decision) if treating else _workup_summary(decision),
        detail=detail.treatment(decision, book) if treating else detail.workup(decision, book),
        indicator=indicator,
        source=Source(label=f"{protocol.publisher}: {protocol.title}", url=url, topic=topic),
        suggestions=suggestions,
        selectionBehavior=behaviour if suggestions else None,
        overrideReasons=tuple(Coding(system=s, code=c, display=d) for s, c, d in book.wording.reasons),
        links=(Link(label=f"Read {protocol.publisher}", url=url, type=LinkType.ABSOLUTE),) if url else (),
        extension=extension,
    )


def _summary(decision: Decision) -> str:
    """Return one sentence that stands alone: status with its number, cause, and what to start."""
    verdict = decision.assessment
    status = "B12 deficiency to be prevented" if verdict.prevention else _STATUS[verdict.status]
    if verdict.status is Status.OUT_OF_SCOPE:
        return f"{status}."
    number = f" ({_number(decision)})" if _number(decision) else ""
    modifier = detail.modifier_words(decision)
    cause = verdict.causes[0].cause.title if verdict.causes else ""
    head = f"{status}{number}{f' {modifier}' if modifier else ''}"
    if decision.schedules:
        option, _ = decision.schedules[0]
        start = "Draft pending:" if decision.evidence.therapy.drafts else "Start"
        action = f"{start} {option.regimen.title}."
    elif decision.plan.none_because is not None:
        action = f"No order proposed: {decision.plan.none_because}."
    else:
        action = "Response in doubt: review."
    whole = f"{head}: {cause}. {action}" if cause else f"{head}. {action}"
    return whole if len(whole) < 140 else fitted([f"{_STATUS[verdict.status]}.", action, capital(cause)])


def _number(decision: Decision) -> str:
    """Return the deciding result, plain: a summary is no markdown."""
    found = decision.evidence.b12 or next(iter(decision.assessment.basis), None)
    if found is None:
        return ""
    titles = {test.analyte: test.title for test in decision.tests}
    title = titles[found.analyte].replace("vitamin ", "")
    clean = "".join(c for c in " ".join(found.shown.split()) if c.isalnum() or c in " .,/%<>=*{}[]-^")[:24]
    return f"{title} {clean}, {day(found.taken.latest)}"


def _workup_summary(decision: Decision) -> str:
    asked = [i.title for i in decision.investigations]
    number = _number(decision)
    status = _STATUS[decision.assessment.status]
    head = f"{status} ({number})." if number else f"{status}."
    if decision.evidence.age is None:
        return fitted([head, "No birth date that can be read: no plan."])
    if not asked:
        return fitted([head, "See detail."])
    some = f"Send {', '.join(asked[:3])}{f' and {len(asked) - 3} more' if len(asked) > 3 else ''}."
    return fitted([head, some]) if len(head) + len(some) < 139 else fitted([head, f"Send {asked[0]} and more."])
