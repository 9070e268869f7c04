"""From a decision to CDS Hooks cards: when to speak, how urgently, in how many words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cds_hooks.wire import Card, Coding, Indicator, Link, LinkType, SelectionBehavior, Source, Suggestion
from service.cards import detail, summary
from service.cards.suggestions import circumstances, orders, tests
from service.domain.decision import Decision
from service.domain.notices import old_low, worth_testing
from service.domain.protocol import Band, Book
from service.domain.terms import Modifier, Notice, Role, Status
from service.fhir.writing import Circumstances, Code
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
    treats, asks = _treats(decision), _asks(decision)
    if not treats and not asks:
        return ()
    about = circumstances(decision, book, address.patient, address.encounter, address.seed)
    number, common = summary.deciding_number(decision), detail.common(decision, book)
    told = _Told(decision, book, address, about, number, common, extension)
    treatment = (_treatment(told),) if treats else ()
    return (*treatment, _workup(told, alone=not treats)) if asks else treatment


@dataclass(frozen=True, slots=True)
class _Told:
    """What both cards are made from."""

    decision: Decision
    book: Book
    address: Address
    about: Circumstances
    number: str
    common: detail.Common
    extension: dict[str, Any]


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


def _treatment(told: _Told) -> Card:
    decision = told.decision
    return _card(
        "treatment",
        told,
        summary.treatment(decision, told.number),
        detail.treatment(decision, told.book, told.common),
        _indicator(decision),
        orders(decision, told.book, told.about, told.address.original),
        SelectionBehavior.AT_MOST_ONE,
    )


def _indicator(decision: Decision) -> Indicator:
    drafts = decision.evidence.therapy.drafts
    if any(exposure in drafts for exposure in decision.unsafe):
        return Indicator.CRITICAL
    pressing = Modifier.NEUROLOGICAL in decision.modifiers or Modifier.SEVERE_ANAEMIA in decision.modifiers
    if decision.schedules:
        return Indicator.CRITICAL if pressing else Indicator.WARNING
    return Indicator.WARNING if decision.assessment.start_now or decision.unsafe else Indicator.INFO


def _workup(told: _Told, *, alone: bool) -> Card:
    decision = told.decision
    return _card(
        "workup",
        told,
        summary.workup(decision, told.number),
        detail.workup(decision, told.book, told.common, alone=alone),
        Indicator.INFO,
        tests(decision, told.about),
        SelectionBehavior.ANY,
    )


def _card(
    kind: str,
    told: _Told,
    short: str,
    long: str,
    indicator: Indicator,
    suggestions: tuple[Suggestion, ...],
    behaviour: SelectionBehavior,
) -> Card:
    protocol, wording = told.decision.protocol, told.book.wording
    url = told.book.sources[protocol.cite.source].url
    return Card(
        uuid=named(_CARD, f"{told.address.seed}|{kind}"),
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
