"""From a decision to CDS Hooks cards: when to speak, how urgently, in how many words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from msgspec import Struct

from cds_hooks.wire import Card, Coding, Indicator, Link, LinkType, SelectionBehavior, Source, Suggestion
from service.cards import detail, summary
from service.cards.suggestions import circumstances, orders, tests
from service.domain.decision import Decision
from service.domain.protocol import Band, Book
from service.domain.terms import Modifier, Notice, Role, Status
from service.domain.workup import worth_asking
from service.fhir.writing import Circumstances, Code
from service.ids import Space, part_of

EXTENSION = "org.b12-cds.assessment"
_CARD = Space("urn:b12-cds:card")
TREATMENT, WORKUP = "treatment", "workup"
_URGENT = frozenset({Notice.URGENT_NEURO, Notice.URGENT_ANAEMIA})
_QUIET = frozenset({Status.UNLIKELY, Status.UNKNOWN, Status.ON_TREATMENT, Status.OUT_OF_SCOPE})


class Address(Struct, frozen=True):
    """For whom the cards are and what makes their ids: the same request gives the same ids."""

    patient: str
    seed: str
    encounter: str | None = None
    original: Callable[[str], dict[str, Any] | None] = lambda _: None


def matters_of(seed: str) -> dict[str, str]:
    """Return what each card made from a seed is about, by the card's id."""
    return {card_id(seed, kind): kind for kind in (TREATMENT, WORKUP)}


def card_id(seed: str, kind: str) -> str:
    """Return the id of the card of one kind that is made from a seed."""
    return part_of(seed, _CARD, kind)


def cards_of(decision: Decision, book: Book, address: Address, extension: dict[str, Any]) -> tuple[Card, ...]:
    """Return the cards for a decision: none when there is nothing to say (decisions, section 7)."""
    if decision.evidence.record.deceased:
        return ()
    treats, asks = _treats(decision), _asks(decision)
    if not treats and not asks:
        return ()
    told = telling(decision, book, address, extension)
    treatment = (_treatment(told),) if treats else ()
    return (*treatment, _workup(told, alone=not treats)) if asks else treatment


class Told(Struct, frozen=True):
    """What all cards of one answer are made from."""

    decision: Decision
    book: Book
    address: Address
    about: Circumstances
    number: str
    common: detail.Common
    extension: dict[str, Any]


def telling(decision: Decision, book: Book, address: Address, extension: dict[str, Any]) -> Told:
    """Return what the cards of an answer are made from."""
    about = circumstances(decision, book, address.patient, address.encounter, address.seed)
    number, common = summary.deciding_number(decision), detail.common(decision, book)
    return Told(decision, book, address, about, number, common, extension)


def _treats(decision: Decision) -> bool:
    """Return whether there is a plan to offer, a reason why not, or a treatment in trouble."""
    if decision.schedules or decision.unsafe:
        return True
    if decision.plan.none_because is not None and not _prevents_nothing(decision):
        return True
    if decision.assessment.status is Status.OUT_OF_SCOPE:
        return decision.evidence.band is Band.LOW
    if decision.assessment.status is Status.ON_TREATMENT:
        return decision.unstable
    return Notice.RESPONSE.value in decision.notices


def _prevents_nothing(decision: Decision) -> bool:
    """Return whether B12 is not short, and the protocol has no prevention for anybody."""
    row = decision.plan.row
    unlikely = decision.assessment.status is Status.UNLIKELY and not decision.plan.options
    return unlikely and row is not None and decision.protocol.table[row].none_because is not None


def _asks(decision: Decision) -> bool:
    evidence, status = decision.evidence, decision.assessment.status
    if status is Status.UNKNOWN and evidence.age is None:
        return evidence.b12 is not None or any(evidence.record.active_problems(Role.B12_DIAGNOSIS))
    if status is Status.UNKNOWN:
        folate = Notice.SAFETY_FOLATE.value in decision.notices and evidence.any_symptom
        return worth_asking(evidence, decision.assessment) or folate
    if (status in _QUIET and not decision.assessment.prevention) or _prevents_nothing(decision):
        return False
    return bool(decision.investigations) or not _treats(decision)


def _treatment(told: Told) -> Card:
    """Return the card with the plan; on treatment there is none, and the tests that are missing can be ordered."""
    decision = told.decision
    on_treatment = decision.assessment.status is Status.ON_TREATMENT
    return card(
        TREATMENT,
        told,
        summary.treatment(decision, told.number),
        detail.treatment(decision, told.book, told.common),
        _indicator(decision),
        tests(decision, told.about) if on_treatment else orders(decision, told.book, told.about, told.address.original),
        SelectionBehavior.ANY if on_treatment else SelectionBehavior.AT_MOST_ONE,
    )


def _indicator(decision: Decision) -> Indicator:
    drafts = decision.evidence.therapy.drafts
    if any(exposure in drafts for exposure in decision.unsafe):
        return Indicator.CRITICAL
    pressing = Modifier.NEUROLOGICAL in decision.modifiers or Modifier.SEVERE_ANAEMIA in decision.modifiers
    if decision.schedules:
        return Indicator.CRITICAL if pressing else Indicator.WARNING
    noticed = frozenset(decision.notices)
    urgent = not noticed.isdisjoint(_URGENT) or (
        Notice.SAFETY_K in noticed and Modifier.HYPOKALAEMIA in decision.modifiers
    )
    short = decision.assessment.start_now and decision.assessment.status is not Status.UNLIKELY
    return Indicator.WARNING if short or decision.unsafe or urgent else Indicator.INFO


def _workup(told: Told, *, alone: bool) -> Card:
    decision = told.decision
    return card(
        WORKUP,
        told,
        summary.workup(decision, told.number),
        detail.workup(decision, told.book, told.common, alone=alone),
        Indicator.INFO,
        tests(decision, told.about),
        SelectionBehavior.ANY,
    )


def card(
    kind: str,
    told: Told,
    short: str,
    long: str,
    indicator: Indicator,
    suggestions: tuple[Suggestion, ...],
    behaviour: SelectionBehavior,
) -> Card:
    """Return a card; its id is made of the answer's seed and the kind."""
    protocol, wording = told.decision.protocol, told.book.wording
    url = told.book.sources[protocol.cite.source].url
    return Card(
        uuid=card_id(told.address.seed, kind),
        summary=short,
        detail=long,
        indicator=indicator,
        source=_source(protocol.publisher, protocol.title, url, wording.topic),
        suggestions=suggestions,
        selectionBehavior=behaviour if suggestions else None,
        overrideReasons=_codings(wording.reasons),
        links=_links(protocol.publisher, url),
        extension=told.extension,
    )


# Books have few of these: each is made once.


@cache
def _source(publisher: str, title: str, url: str | None, topic: Code) -> Source:
    return Source(label=f"{publisher}: {title}", url=url, topic=_codings((topic,))[0])


@cache
def _links(publisher: str, url: str | None) -> tuple[Link, ...]:
    return (Link(label=f"Read {publisher}", url=url, type=LinkType.ABSOLUTE),) if url else ()


@cache
def _codings(codings: tuple[Code, ...]) -> tuple[Coding, ...]:
    return tuple(Coding(system=system, code=code, display=display) for system, code, display in codings)
