"""How treatment goes: the response, the intervals, and what may be offered where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.decision import Decision
from service.domain.intervals import Course, Departure
from service.domain.offers import Kind, Offer
from service.explanation.facts import Facts, Sources
from service.explanation.trace import OfferSeen, TreatmentSeen


def treatment(decision: Decision, facts: Facts, sources: Sources) -> TreatmentSeen | None:
    """Return how the treatment on record goes, or None when there is none."""
    response = decision.response
    if response is None:
        return None
    return TreatmentSeen(
        response=response.verdict.value,
        because=response.why,
        findings=facts.of(result.resource for result in response.results),
        intervals=tuple(_intervals(decision.given)),
        offers=tuple(_offer(offer, decision, facts, sources) for offer in decision.offers),
    )


def _intervals(given: Course) -> Iterator[str]:
    if given.parallel:
        yield f"side by side: {', '.join(e.resource for e in given.parallel)}"
    if given.review:
        yield f"the review was due on {given.review.isoformat()}"
    if given.overdue:
        yield f"overdue: last given {given.overdue.given.isoformat()}, due by {given.overdue.due.isoformat()}"
    if given.too_rare:
        yield _departure("further apart than usual", given.too_rare)
    if given.too_often:
        yield _departure("closer together than usual", given.too_often)


def _departure(words: str, found: Departure) -> str:
    return (
        f"{words}: {found.usual.drug} every {found.days} days, usually {found.usual.text} ({found.usual.cite.source})"
    )


def _offer(offer: Offer, decision: Decision, facts: Facts, sources: Sources) -> OfferSeen:
    moves = {Kind.TABLETS: decision.protocol.to_tablets, Kind.NASAL: decision.protocol.to_nasal, Kind.STOP: None}
    move = moves[offer.kind]
    over = tuple(
        f"{r.title} is over since {r.since.isoformat()}: review, stopping may be right" for r in offer.resolved
    )
    return OfferSeen(
        kind=offer.kind.value,
        regimen=offer.option.regimen.id if offer.option else None,
        stops=tuple(exposure.resource for exposure in offer.stops),
        because=over or (("stable on injections",) if offer.refused is None else ()),
        refused=offer.refused,
        findings=facts.of(resource for r in offer.resolved for resource in r.resources),
        cite=sources.of(move.cite) if move else None,
    )
