"""How often a drafted injection or tablet may be given under the protocol, and what to change where it is too often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from service.domain.decision import Decision
from service.domain.doses import regimens_of
from service.domain.draft import Draft
from service.domain.intervals import usual_interval
from service.domain.orders import MICROGRAMS, Order, every_days
from service.domain.protocol import Interval, Regimen, Timing
from service.domain.record import Exposure, Form
from service.domain.terms import Route, Status

_DAYS_A_MONTH = 30
_ONCE_A_DAY = Timing(1, 1, "d")


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed in a draft: the unit of its dose, how often and until when, or the route.

    `text` says the timing in words.
    """

    unit: str | None = None
    timing: Timing | None = None
    text: str | None = None
    start: date | None = None
    end: date | None = None
    route: Route | None = None

    def with_(self, other: Change) -> Change:
        """Return both changes as one; what both say, this one says."""
        said = {name: getattr(self, name) or getattr(other, name) for name in self.__dataclass_fields__}
        return replace(self, **said)


def regimens(decision: Decision, drug: str) -> tuple[Regimen, ...]:
    """Return the regimens of a drug: those that are offered to this patient, else all of the protocol."""
    offered = [o.regimen for o, _ in decision.schedules if o.regimen.drug == drug]
    return tuple(offered or dict.fromkeys(r for r in regimens_of(decision.protocol) if r.drug == drug))


def days_of(timing: Timing) -> Decimal:
    """Return the days between two doses of a step, the shortest that it allows."""
    found = every_days(timing.frequency, Decimal(timing.period), timing.unit)
    return found if found is not None else Decimal(0)


def too_often(decision: Decision, draft: Draft) -> Change | None:
    """Return what makes a draft's interval that of the protocol, None when it is no shorter than that."""
    b12 = draft.b12
    if b12 is None or b12.every_days is None or b12.form not in (Form.INJECTION, Form.ORAL):
        return None
    kept = _kept(decision, b12) if b12.form is Form.INJECTION else None
    if kept is not None:
        return kept
    steps = [step for r in _by_the_same_way(decision, b12) for step in r.steps]
    if not steps or b12.every_days >= min(days_of(step.timing) for step in steps):
        return None
    if b12.form is Form.ORAL:
        most = max((step.high or step.low) * MICROGRAMS[step.unit] / days_of(step.timing) for step in steps)
        divided = b12.dose is not None and b12.dose.value / b12.every_days <= most
        return None if divided else Change(timing=_ONCE_A_DAY, text="once a day")
    order = _first_order(decision, b12)
    step = order.step if order is not None else steps[0]
    ends = (order.start, order.end) if order is not None else (None, None)
    return Change(timing=step.timing, text=step.text, start=ends[0], end=ends[1])


def without_end(decision: Decision, draft: Draft) -> Change | None:
    """Return the end of a course that fills the stores and is drafted to go on for ever."""
    b12 = draft.b12
    if b12 is None or b12.form is not Form.INJECTION or b12.every_days is None or draft.bounded:
        return None
    if decision.assessment.status is Status.ON_TREATMENT:
        return None
    steps = [step for r in _by_the_same_way(decision, b12) for step in r.steps]
    open_ended = [days_of(step.timing) for step in steps if not step.bounded]
    order = _first_order(decision, b12)
    if order is None or not order.step.bounded or not open_ended or b12.every_days >= min(open_ended):
        return None
    return Change(timing=order.step.timing, text=order.step.text, start=order.start, end=order.end)


def _kept(decision: Decision, b12: Exposure) -> Change | None:
    """Return the usual interval for a patient whose stores are full and who would be given more."""
    evidence, limits = decision.evidence, decision.protocol.limits
    if decision.assessment.status is not Status.ON_TREATMENT or evidence.neurology or b12.every_days is None:
        return None
    usual = usual_interval(decision.protocol, b12.concept.id, decision.assessment.mechanism)
    began = [day for e in evidence.therapy.active if (day := evidence.therapy.began(e)) is not None]
    if usual is None or not began or evidence.today - min(began) < timedelta(weeks=limits.treated_weeks):
        return None
    if b12.every_days >= usual.shortest * _DAYS_A_MONTH - limits.interval_tolerance_days:
        return None
    return usual_change(usual)


def usual_change(usual: Interval) -> Change:
    """Return what makes an interval the usual one of its drug."""
    longest = usual.longest if usual.longest != usual.shortest else None
    return Change(timing=Timing(1, usual.shortest, "mo", period_max=longest), text=usual.text)


def _by_the_same_way(decision: Decision, b12: Exposure) -> tuple[Regimen, ...]:
    injected = b12.form is Form.INJECTION
    return tuple(r for r in regimens(decision, b12.concept.id) if r.injected is injected)


def _first_order(decision: Decision, b12: Exposure) -> Order | None:
    """Return how an offered plan with this drug begins."""
    for option, dated in decision.schedules:
        if option.regimen.drug == b12.concept.id and option.route.injected:
            return dated.orders[0]
    return None
