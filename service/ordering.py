"""The whole answer to what a clinician is about to do: unsigned orders, a refill, a new diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec

from cds_hooks.wire import Card, SelectionBehavior
from service.answer import Answer, respond
from service.cards import Address, cards_of
from service.cards.compose import EXTENSION, card_id, matters_of, telling
from service.cards.drafts import Originals, card_of
from service.cards.refill import INTERVAL, MONITORING, OFFER, refill_cards
from service.consult import Consultant
from service.contract import assessment, carried
from service.domain.decision import Decision
from service.domain.draft import Draft, Drafts, Stage, is_ours
from service.domain.faults import Kind, Remedy
from service.domain.pace import Change
from service.domain.protocol import Protocol
from service.domain.review import Matter, review
from service.domain.terms import Role
from service.fhir.correcting import corrected
from service.fhir.drafts import Sent, read_drafts
from service.fhir.pages import Item, original, sheet
from service.fhir.shapes import Condition, MedicationRequest
from service.fhir.versions import name_of
from service.ids import Space, named
from service.switched import SWITCHED_OFF

Json = dict[str, Any]
DRAFTS = "org.b12-cds.drafts"
"""The key of an answer's extension that says how each unsigned order was read."""

DIAGNOSED = "problem-list-item-create"
OF_ORDERS = {
    "order-select": ("draftOrders", Stage.SELECT),
    "order-sign": ("draftOrders", Stage.SIGN),
    "medication-refill": ("medications", Stage.REFILL),
}
"""For each hook about orders: where its context holds them, and what is looked at."""

OF_AN_ORDER = "draft-"
"""How the matter of a card about an unsigned order begins."""

RULES: Mapping[str, Kind] = MappingProxyType({f"order-{kind.value}": kind for kind in Kind})
"""The checks of unsigned orders by the ids under which they can be switched off; cards of a refill have theirs."""
REFILL_RULES = frozenset({INTERVAL, MONITORING, OFFER})

_CONTENT = Space("urn:b12-cds:order-content")
_NOT_SIGNED = ("draft", None)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked about, under which protocol and on which day; the seed makes the ids."""

    using: Consultant
    protocol: Protocol
    today: date
    patient: str
    seed: str
    encounter: str | None = None
    unchecked: tuple[str, ...] = ()
    off: frozenset[str] = frozenset()
    """Rules that are switched off, by id."""


def ordered(
    asked: Asked,
    items: Sequence[Item],
    bundle: bytes | msgspec.Raw,
    stage: Stage,
    selected: Iterable[str] | None = None,
) -> tuple[Answer, dict[str, str]]:
    """Return the answer to a Bundle of unsigned orders, and what each card is about by its id.

    The record is read without these orders. Raises NotFhir for what is no Bundle, and OtherPatient.
    """
    book = asked.using.book
    titles = {test.title: test.analytes for test in book.investigations}
    sent = read_drafts(bundle, asked.using.reader, asked.patient, selected=selected, chart=items, titles=titles)
    chart = [item for item in items if not _is_a_draft_of(item, sent)]
    if stage is Stage.REFILL:
        chart += _running(bundle, chart)
    decision = asked.using.consult(chart, asked.protocol, asked.today, asked.patient, asked.unchecked)
    off = {RULES[rule] for rule in asked.off & RULES.keys()}
    matters = review(decision, sent.drafts, book, stage, off)
    said = assessment(decision)
    extension = {EXTENSION: carried(decision, said, book.version)}
    address = Address(
        patient=asked.patient,
        seed=asked.seed,
        encounter=asked.encounter,
        original=lambda name: original(chart, name),
    )
    originals = Originals(sent.originals, _corrects(asked.using))
    cards, about = _draft_cards(asked, decision, matters, address, extension, originals)
    if stage is Stage.REFILL and sent.drafts.cobalamins and not decision.evidence.record.deceased:
        more = [*_treatment_cards(asked, decision, matters, address, extension)]
        asks = not any(card.selectionBehavior is SelectionBehavior.ANY for card in (*cards, *more))
        told = telling(decision, book, address, extension)
        skip = {card_id(asked.seed, rule) for rule in asked.off & REFILL_RULES}
        skip |= {card_id(asked.seed, INTERVAL)} if _is_slowed(matters) else set()
        more += [c for c in refill_cards(told, originals, sent.drafts.cobalamins, asks=asks) if c.uuid not in skip]
        about |= matters_of(asked.seed)
        about |= {card_id(asked.seed, kind): kind for kind in (INTERVAL, MONITORING, OFFER)}
        cards = (*cards, *more)
    told_of = _read(sent.drafts, decision, matters)
    if off:
        kinds = {f.kind for matter in review(decision, sent.drafts, book, stage) for f in matter.findings} & off
        told_of |= {SWITCHED_OFF: {"rules": sorted(f"order-{kind.value}" for kind in kinds)}} if kinds else {}
    return Answer(decision, said, extension | told_of, cards, (sent.drafts, stage)), about


def diagnosed(asked: Asked, items: Sequence[Item], bundle: bytes | msgspec.Raw) -> Answer:
    """Return the answer to new problems: the plan, with them counted, when one tells of B12 deficiency or its cause.

    Raises NotFhir for what is no Bundle, and OtherPatient.
    """
    new = sheet(bundle).items
    names = {name_of(item) for item in new}
    known = [item for item in items if not (isinstance(item.resource, Condition) and name_of(item) in names)]
    answer = respond(
        asked.using,
        (*known, *new),
        asked.protocol,
        asked.today,
        patient_id=asked.patient,
        seed=asked.seed,
        encounter=asked.encounter,
        unchecked=asked.unchecked,
    )
    added = asked.using.reader.read(new, asked.patient)
    told = any(Role.B12_DIAGNOSIS in p.concept.roles for p in added.problems)
    return answer if told else Answer(answer.decision, answer.assessment, answer.extension, ())


def _draft_cards(
    asked: Asked,
    decision: Decision,
    matters: Sequence[Matter],
    address: Address,
    extension: dict[str, Any],
    originals: Originals,
) -> tuple[tuple[Card, ...], dict[str, str]]:
    if not matters:
        return (), {}
    told = telling(decision, asked.using.book, address, extension)
    cards = tuple(card_of(matter, told, originals) for matter in matters)
    return cards, {card.uuid or "": _about(matter) for card, matter in zip(cards, matters, strict=True)}


def _about(matter: Matter) -> str:
    """Return what a card is about: the finding and what is ordered; another order is another matter."""
    content = "\n".join(sorted(draft.content for draft in matter.drafts))
    return f"{OF_AN_ORDER}{matter.kind.value}-{named(_CONTENT, content)}"


def _treatment_cards(
    asked: Asked, decision: Decision, matters: Sequence[Matter], address: Address, extension: dict[str, Any]
) -> tuple[Card, ...]:
    """Return what would be said when the chart is opened, unless an order's own card offers the plan already."""
    planned = any(f.remedy in (Remedy.REPLACE, Remedy.ADD) for matter in matters for f in matter.findings)
    return () if planned else cards_of(decision, asked.using.book, address, extension)


def _is_slowed(matters: Sequence[Matter]) -> bool:
    return any(f.kind is Kind.FREQUENCY for matter in matters for f in matter.findings)


def _is_a_draft_of(item: Item, sent: Sent) -> bool:
    """Return whether the chart holds an unsigned order that is among those sent: it is the same one."""
    found = item.resource
    return type(found) is MedicationRequest and found.status in _NOT_SIGNED and name_of(item) in sent.originals


def _running(bundle: bytes | msgspec.Raw, chart: Sequence[Item]) -> list[Item]:
    """Return the signed orders that are to be refilled and that the chart does not hold."""
    known = {name_of(item) for item in chart}
    return [
        item
        for item in sheet(bundle).items
        if type(item.resource) is MedicationRequest and item.resource.status == "active" and name_of(item) not in known
    ]


def _corrects(using: Consultant) -> Any:
    index, routes = using.reader.index, using.book.routes

    def correct(order: Json, change: Change) -> Json:
        route = routes.get(change.route) if change.route is not None else None
        return corrected(order, change, index.aliases, route)

    return correct


def _read(drafts: Drafts, decision: Decision, matters: Sequence[Matter]) -> dict[str, Any]:
    """Return how each unsigned order was read, for machines: no empty element travels."""
    found: dict[str, list[str]] = {}
    for matter in matters:
        for finding in matter.findings:
            found.setdefault(finding.draft.name, []).append(finding.kind.value)
    read = [_one(draft, decision, found.get(draft.name, [])) for draft in drafts.orders]
    unreadable = [{"resource": u.resource, "why": u.why} for u in drafts.unreadable]
    said: Mapping[str, Any] = {"read": read, "unreadable": unreadable}
    kept = {key: value for key, value in said.items() if value}
    return {DRAFTS: kept} if kept else {}


def _one(draft: Draft, decision: Decision, found: list[str]) -> Json:
    said: Json = {
        "resource": draft.name,
        "medicines": list(dict.fromkeys(e.concept.id for e in draft.medicines)),
        "proposed": is_ours(draft, decision),
        "findings": list(dict.fromkeys(found)),
    }
    return {key: value for key, value in said.items() if value not in ([], None)}
