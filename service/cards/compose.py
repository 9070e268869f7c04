"""From a decision to CDS Hooks cards: when to speak, how urgently, in how many words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cds_hooks.wire import Card, Coding, Indicator, Link, LinkType, SelectionBehavior, Source, Suggestion
from service.cards import detail, summary
from service.cards.suggestions import orders, tests
from service.domain.decision import Decision
from service.domain.notices import old_low, worth_testing
from service.domain.protocol import Band, Book
from service.domain.terms import Modifier, Notice, Role, Status
from service.ids import named, namespace

EXTENSION = "org.b12-cds.assessment"
_CARD = namespace("urn:b12-cds:card")
_QUIET = frozenset({Status.UNLIKELY, Status.UNKNOWN, Status.ON_TREATMENT, Status.OUT_OF_SCOPE})


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
    if decision.schedules or decision.plan.none_because is not None or decision.unsafe:
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
    drafts = decision.evidence.therapy.drafts
    if any(exposure in drafts for exposure in decision.unsafe):
        return Indicator.CRITICAL
    pressing = Modifier.NEUROLOGICAL in decision.modifiers or Modifier.SEVERE_ANAEMIA in decision.modifiers
    if decision.schedules:
        return Indicator.CRITICAL if pressing else Indicator.WARNING
    return Indicator.WARNING if decision.assessment.start_now or decision.unsafe else Indicator.INFO


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
    behaviour = SelectionBehavior.ANY if kind == "workup" else SelectionBehavior.AT_MOST_ONE
    treating = kind == "treatment"
    alone = not _treats(decision)
    return Card(
        uuid=named(_CARD, f"{address.seed}|{kind}"),
        summary=summary.treatment(decision) if treating else summary.workup(decision),
        detail=detail.treatment(decision, book) if treating else detail.workup(decision, book, alone=alone),
        indicator=indicator,
        source=Source(label=f"{protocol.publisher}: {protocol.title}", url=url, topic=_coding(book.wording.topic)),
        suggestions=suggestions,
        selectionBehavior=behaviour if suggestions else None,
        overrideReasons=tuple(map(_coding, book.wording.reasons)),
        links=(Link(label=f"Read {protocol.publisher}", url=url, type=LinkType.ABSOLUTE),) if url else (),
        extension=extension,
    )


@cache
def _coding(coding: tuple[str, str, str]) -> Coding:
    """Return a coding of the book, made once."""
    system, code, display = coding
    return Coding(system=system, code=code, display=display)
