"""What is said when B12 is to be refilled: the interval, the monitoring that is missing, and what may be changed to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cds_hooks.wire import Action, ActionType, Card, Indicator, SelectionBehavior, Suggestion
from service.cards.compose import Told, card
from service.cards.course import course
from service.cards.drafts import Originals, away
from service.cards.suggestions import moves, stopping, tests
from service.cards.text import bullets, capital, day, fitted, listed
from service.cards.therapy import on_record
from service.domain.draft import Draft
from service.domain.offers import Kind, Offer
from service.domain.pace import usual_change
from service.ids import Space, part_of

INTERVAL, MONITORING, OFFER = "refill-interval", "refill-monitoring", "refill-offer"
_SUGGESTION = Space("urn:b12-cds:suggestion")


def refill_cards(told: Told, originals: Originals, drafts: Sequence[Draft], *, asks: bool) -> Iterator[Card]:
    """Yield the cards of a refill; `asks` is whether tests that are due still have to be asked for."""
    decision, says = told.decision, told.book.wording.phrases
    if decision.given.too_often is not None:
        yield card(
            INTERVAL,
            told,
            fitted([f"{says['too-often']}."]),
            _detail(told, ""),
            Indicator.WARNING,
            _slower(told, originals),
            SelectionBehavior.ANY,
        )
    if asks and decision.investigations:
        yield card(
            MONITORING,
            told,
            fitted([says["refill-monitoring"], f"Send {listed(i.title for i in decision.investigations)}."]),
            _detail(told, bullets("Ask for", (i.title for i in decision.investigations))),
            Indicator.INFO,
            tests(decision, told.about),
            SelectionBehavior.ANY,
        )
    offered = tuple(_without(s, drafts, originals) for s in _offers(told))
    if offered:
        yield card(
            OFFER,
            told,
            fitted([says["refill-offer"]]),
            _detail(told, bullets("What may be offered", _offered(told))),
            Indicator.INFO,
            offered,
            SelectionBehavior.AT_MOST_ONE,
        )


def _detail(told: Told, own: str) -> str:
    decision, book = told.decision, told.book
    blocks = [
        on_record(decision, book),
        bullets("How it goes", course(decision, book)),
        own,
        told.common.cause,
        told.common.unknown,
        told.common.basis,
    ]
    return "\n\n".join(block for block in blocks if block)


def _offered(told: Told) -> Iterator[str]:
    for offer in told.decision.offers:
        if offer.option is not None:
            yield capital(offer.option.regimen.title)
        elif offer.refused is not None:
            yield capital(f"no {offer.kind.value}: {offer.refused}")
        else:
            over = listed(f"{r.title}, over since {day(r.since)}" for r in offer.resolved)
            yield capital(f"{told.book.wording.phrases['refill-stop']} ({over})")


def _slower(told: Told, originals: Originals) -> tuple[Suggestion, ...]:
    """Return the order on record at the usual interval of its drug."""
    found = told.decision.given.too_often
    order = told.address.original(found.course.resource) if found is not None else None
    if found is None or order is None or order.get("resourceType") != "MedicationRequest" or not order.get("id"):
        return ()
    changed = originals.corrects(order, usual_change(found.usual))
    words = f"Give {found.course.concept.title} {found.usual.text}"
    action = Action(type=ActionType.UPDATE, description=words, resource=changed)
    return (Suggestion(label=words, uuid=part_of(told.about.seed, _SUGGESTION, INTERVAL), actions=(action,)),)


def _offers(told: Told) -> Iterator[Suggestion]:
    yield from moves(told.decision, told.book, told.about, told.address.original)
    yield from _ends(told)


def _without(suggestion: Suggestion, drafts: Sequence[Draft], originals: Originals) -> Suggestion:
    """Return a suggestion that also takes away the order that would have gone on."""
    changed = {_name(action) for action in suggestion.actions}
    gone = (away(draft, originals) for draft in drafts if draft.name not in changed)
    return msgspec.structs.replace(suggestion, actions=(*(a for a in gone if a is not None), *suggestion.actions))


def _name(action: Action) -> str:
    resource = action.resource if isinstance(action.resource, dict) else {}
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _ends(told: Told) -> Iterator[Suggestion]:
    """Yield the end of treatment, where the cause is over."""
    for offer in told.decision.offers:
        actions = _stopped(offer, told) if offer.kind is Kind.STOP else ()
        if actions:
            uuid = part_of(told.about.seed, _SUGGESTION, f"{OFFER}|{offer.kind.value}")
            yield Suggestion(label=capital(told.book.wording.phrases["refill-stop"])[:-1], uuid=uuid, actions=actions)


def _stopped(offer: Offer, told: Told) -> tuple[Action, ...]:
    return stopping(offer.stops, "", told.address.original)
