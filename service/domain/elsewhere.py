"""What the other protocols would do with the same patient: no two may disagree in silence."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import NamedTuple

from service.domain.assess import Assessment, Case, assess, judge
from service.domain.decision import Decision
from service.domain.evidence import Evidence, gather, under
from service.domain.modifiers import Modifiers, modifiers
from service.domain.orders import schedule
from service.domain.protocol import Book, Limits, Protocol
from service.domain.recommend import Option, Plan, need_of, recommend
from service.domain.results import band_of
from service.domain.terms import Analyte, Duration, Status


class View(NamedTuple):
    """The answer of another protocol: its status by which rule, and its first option or why it has none."""

    protocol: Protocol
    status: Status
    rule: str
    option: Option | None
    none_because: str | None
    duration: Duration | None


def elsewhere(decision: Decision, book: Book) -> tuple[View, ...]:
    """Return the views of the other protocols, where they differ from the decision's own."""
    own = view_of(decision)
    others = (p for p in book.protocols.values() if p is not decision.protocol)
    views = (_under(p, decision, book) for p in others)
    return tuple(view for view in views if differs(view, own))


def view_of(decision: Decision) -> View:
    """Return the decision's own answer in the same shape."""
    option = decision.schedules[0][0] if decision.schedules else None
    plan, verdict = decision.plan, decision.assessment
    return View(decision.protocol, verdict.status, verdict.rule.id, option, plan.none_because, plan.duration)


def differs(one: View, other: View) -> bool:
    """Return whether two answers differ in status, regimen, route, duration, or in having a plan at all."""
    return _told(one) != _told(other)


def _told(view: View) -> tuple[object, ...]:
    if view.option is None:
        return (view.status,)
    return (view.status, view.option.regimen.id, view.option.route, view.option.bridge_to, view.duration)


def _under(protocol: Protocol, decision: Decision, book: Book) -> View:
    evidence, verdict, found = _seen_by(protocol, decision, book)
    need = decision.need if evidence is decision.evidence else need_of(evidence, verdict, found)
    plan = recommend(protocol, need, book.drugs)
    return View(
        protocol, verdict.status, verdict.rule.id, _first(plan, evidence, protocol), plan.none_because, plan.duration
    )


def _first(plan: Plan, evidence: Evidence, protocol: Protocol) -> Option | None:
    """Return the first option that a product on the protocol's list can give."""
    # A pregnancy brings the review forward, and no product.
    return next((o for o in plan.options if schedule(o, protocol, evidence.today, pregnant=False) is not None), None)


def _seen_by(protocol: Protocol, decision: Decision, book: Book) -> tuple[Evidence, Assessment, Modifiers]:
    """Return the patient as another protocol sees him; only what its lines change is worked out again."""
    evidence = decision.evidence
    same_limits = _same(protocol.limits, evidence.protocol.limits)
    if same_limits and _bands_agree(protocol, evidence):
        return evidence, decision.assessment, decision.modifiers
    if same_limits:
        # Causes and what changes a plan rest on limits, never on a band.
        seen = under(evidence, protocol)
        return seen, judge(Case(seen, decision.assessment.named), book.causes), decision.modifiers
    seen = gather(evidence.record, protocol, evidence.today)
    verdict = assess(seen, book.causes)
    return seen, verdict, modifiers(seen, verdict)


def _bands_agree(protocol: Protocol, evidence: Evidence) -> bool:
    """Return whether another protocol lets the same B12 decide, and reads it alike.

    In a patient on no B12 and not pregnant an older total B12 without a comparator decides nothing under any protocol.
    """
    day = evidence.b12.taken.latest if evidence.b12 is not None else None
    every = bool(evidence.pregnant or evidence.therapy.active)
    results = [*evidence.record.of(Analyte.ACTIVE_B12)]
    results += (
        r
        for r in evidence.record.of(Analyte.B12)
        if every or r.taken.latest == day or (r.measure is not None and r.measure.comparator)
    )
    return all(band_of(r, protocol) is band_of(r, evidence.protocol) for r in results)


@lru_cache(maxsize=256)
def _same(one: Limits, other: Limits) -> bool:
    return all(getattr(one, f.name) == getattr(other, f.name) for f in fields(Limits))
