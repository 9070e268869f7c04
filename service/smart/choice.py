"""What a clinician may change about a plan, and why not. Pure.

Hazards stay blocked, and an interval stays with its drug.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache

from service.cards.text import day
from service.domain.decision import Decision, decide
from service.domain.due import Intervals, Said
from service.domain.intervals import usual_interval
from service.domain.orders import Schedule, product_for, schedule
from service.domain.protocol import Book, Product, Protocol, Regimen, Step
from service.domain.recommend import Option
from service.domain.record import Exposure, months_after
from service.domain.terms import Citation, Modifier, PhaseName, Route
from service.smart.words import every, mass


class Field(StrEnum):
    """What can be changed."""

    PLAN = "plan"
    ROUTE = "route"
    PRODUCT = "product"
    START = "start"
    INTERVAL = "interval"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was wished; what is None stays as it is proposed. `months` is the interval of maintenance."""

    regimen: str | None = None
    route: Route | None = None
    product: str | None = None
    start: date | None = None
    months: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one wish is not followed, and what that rests on."""

    field: Field
    wish: str
    says: str
    cite: Citation


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A plan that may be chosen as it is: proposed, or offered to a patient who is stable on treatment."""

    option: Option
    dated: Schedule
    moved: bool
    stops: tuple[Exposure, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A plan as chosen, with the orders it makes."""

    base: Base
    option: Option
    dated: Schedule
    choice: Choice

    @property
    def changed(self) -> bool:
        """Return whether anything differs from what was proposed first."""
        return self.dated is not self.base.dated or not self.option.recommended


def bases(decision: Decision) -> tuple[Base, ...]:
    """Return the plans there are to choose from, the recommended first; none for who has died."""
    if decision.evidence.record.deceased:
        return ()
    proposed = [Base(option, dated, False, ()) for option, dated in decision.schedules]
    moves = [
        Base(offer.option, offer.dated, True, offer.stops)
        for offer in decision.offers
        if offer.option is not None and offer.dated is not None
    ]
    return (*proposed, *moves)


def allowed(decision: Decision, book: Book, choice: Choice) -> Chosen | tuple[Refusal, ...]:
    """Return the plan as chosen, or every reason why it may not be so."""
    base = _base(decision, choice)
    if base is None:
        return (_no_plan(decision, book, choice.regimen),)
    refusals = tuple(_refusals(decision, book, base, choice))
    if refusals:
        return refusals
    option = _as_wished(base.option, choice.route or base.option.route, choice.months)
    protocol = decision.protocol
    if choice.product is not None:
        protocol = _preferring(protocol, choice.product)
    dated = base.dated
    if option is not base.option or protocol is not decision.protocol or choice.start is not None:
        start = choice.start or decision.evidence.today
        made = schedule(option, protocol, start, pregnant=_expecting(decision))
        if made is None:
            return (_refusal(Field.PRODUCT, choice.product or "", book.calendar.said["choice-not-whole"]),)
        # The same orders as proposed are the same plan.
        dated = base.dated if _same(made, base.dated) else made
    return Chosen(base, dated.option, dated, choice)


def refused(decision: Decision, book: Book, choice: Choice, field: Field) -> Refusal | None:
    """Return why one part of a choice is not allowed, or None; other parts do not matter."""
    base = _base(decision, choice)
    if base is None:
        return _no_plan(decision, book, choice.regimen) if field is Field.PLAN else None
    return next((r for r in _refusals(decision, book, base, choice) if r.field is field), None)


def regimens_of(protocol: Protocol) -> tuple[Regimen, ...]:
    """Return every regimen that a protocol can end in, each once."""
    table = [c.regimen for row in protocol.table.values() for c in row.choices]
    moves = [move.regimen for move in (protocol.to_tablets, protocol.to_nasal) if move]
    every = [*table, *filter(None, (protocol.bridge, protocol.leber)), *moves]
    return tuple({r.id: r for r in every}.values())


def maintenance_of(option: Option) -> Step | None:
    """Return the injected step whose interval of months can be changed, or None."""
    for step, (_, route) in zip(option.steps, option.drugs, strict=True):
        if step.phase is PhaseName.MAINTENANCE and step.timing.unit == "mo" and route.injected:
            return step
    return None


def printed(option: Option, book: Book) -> Intervals | None:
    """Return the intervals that are printed for a plan's maintenance, in months."""
    step = maintenance_of(option)
    if step is None:
        return None
    own = Intervals(tuple(range(step.timing.period, (step.timing.period_max or step.timing.period) + 1)), step.cite)
    return book.calendar.intervals.get((option.regimen.id, step.timing.period), own)


def _base(decision: Decision, choice: Choice) -> Base | None:
    found = bases(decision)
    if choice.regimen is None:
        return found[0] if found else None
    return next((b for b in found if b.option.regimen.id == choice.regimen), None)


def _no_plan(decision: Decision, book: Book, regimen: str | None) -> Refusal:
    """Return why a regimen is not among the plans: a hazard first, then the row's own reason."""
    said, plan = book.calendar.said, decision.plan
    wished = next((r for r in regimens_of(decision.protocol) if r.id == regimen), None)
    wish = wished.title if wished else regimen or ""
    if wished is not None and Modifier.LEBER in decision.modifiers and book.drugs[wished.drug].not_with_leber:
        return _refusal(Field.PLAN, wish, said["draft-leber"])
    if wished is not None and plan.replaces_therapy and not wished.injected:
        return _refusal(Field.PLAN, wish, said["why-moved"])
    row = decision.protocol.table.get(plan.row or "")
    in_row = row is not None and wished is not None and wished.id in {c.regimen.id for c in row.choices}
    if in_row and wished is not None and wished.injected and Modifier.BLEEDING_RISK in decision.modifiers:
        return _refusal(Field.PLAN, wish, said["draft-bleeding"])
    if not bases(decision):
        words = said["choice-no-plan"]
        because = f" {plan.none_because[:1].upper()}{plan.none_because[1:]}." if plan.none_because else ""
        return Refusal(Field.PLAN, wish, f"{words.says}{because}", words.cite)
    because = f": {row.why}." if row is not None and row.why else "."
    return Refusal(Field.PLAN, wish, f"{said['choice-not-offered'].says}{because}", decision.protocol.cite)


def _refusals(decision: Decision, book: Book, base: Base, choice: Choice) -> Iterator[Refusal]:
    option = base.option
    route = choice.route or option.route
    if (words := _route(decision, book, option, route)) is not None:
        yield _refusal(Field.ROUTE, route.value, words)
    if choice.product is not None:
        yield from _product(decision, book, option, route, choice.product)
    if choice.start is not None:
        yield from _start(decision, book, base, choice.start)
    if choice.months is not None:
        yield from _interval(decision, book, option, choice.months)


def _route(decision: Decision, book: Book, option: Option, route: Route) -> Said | None:
    said, regimen = book.calendar.said, option.regimen
    if route is option.route:
        return None
    if route is Route.INTRAMUSCULAR and Modifier.BLEEDING_RISK in decision.modifiers:
        return said["draft-bleeding"]
    first = decision.protocol.subcutaneous_first
    if route is Route.INTRAMUSCULAR and decision.modifiers.anticoagulated and regimen.drug in first:
        return said["draft-pressure"]
    if route in regimen.routes:
        return None
    if route in regimen.off_label:
        return said["off-label"]
    return Said(said["choice-route"].says, regimen.cite)


def _product(decision: Decision, book: Book, option: Option, route: Route, name: str) -> Iterator[Refusal]:
    said = book.calendar.said
    product = next((p for p in decision.protocol.products if p.id == name), None)
    if product is None or product.drug != option.drugs[0][0]:
        yield _refusal(Field.PRODUCT, product.text if product else name, said["choice-other-drug"])
        return
    if route not in product.routes:
        yield _refusal(Field.PRODUCT, product.text, said["choice-other-form"])
    elif not all(_gives(product, step, route, decision.protocol) for step in _of_the_first(option)):
        yield _refusal(Field.PRODUCT, product.text, said["choice-not-whole"])


def _of_the_first(option: Option) -> tuple[Step, ...]:
    """Return the steps that are given as the first is: of one drug, by one route."""
    return tuple(s for s, by in zip(option.steps, option.drugs, strict=True) if by == option.drugs[0])


def _gives(product: Product, step: Step, route: Route, protocol: Protocol) -> bool:
    return product_for(step, product.drug, route, _only(protocol, product.id)) is not None


def _start(decision: Decision, book: Book, base: Base, start: date) -> Iterator[Refusal]:
    said, today = book.calendar.said, decision.evidence.today
    limits = decision.protocol.limits
    months = limits.review_months_pregnant if _expecting(decision) else limits.review_months
    words = None
    if start < today:
        words = said["choice-past"]
    elif start > today and _pressing(decision):
        words = said["choice-pressing"]
    elif start > months_after(today, months):
        words = said["choice-review"]
    elif start > today and not _stands(decision, book, base.option, start):
        words = said["choice-aged"]
    if words is not None:
        yield _refusal(Field.START, day(start), words)


def _stands(decision: Decision, book: Book, option: Option, day: date) -> bool:
    """Return whether the same plan would be proposed on a later day from what is on record now."""
    then = decide(decision.evidence.record, decision.protocol, book, day)
    return any((b.option.regimen.id, b.option.route) == (option.regimen.id, option.route) for b in bases(then))


def _interval(decision: Decision, book: Book, option: Option, months: int) -> Iterator[Refusal]:
    said, step, known = book.calendar.said, maintenance_of(option), printed(option, book)
    wish = every(months)
    if step is None or known is None:
        yield _refusal(Field.INTERVAL, wish, said["choice-no-interval"])
    elif months not in known.months:
        drug = next(drug for s, (drug, _) in zip(option.steps, option.drugs, strict=True) if s is step)
        usual = usual_interval(decision.protocol, drug, decision.assessment.mechanism)
        outside = usual is not None and not usual.shortest <= months <= usual.longest
        words = f"{said['choice-interval'].says.rstrip('.')} ({usual.text if usual and outside else step.text})."
        yield Refusal(Field.INTERVAL, wish, words, usual.cite if usual and outside else step.cite)


def _pressing(decision: Decision) -> bool:
    return Modifier.NEUROLOGICAL in decision.modifiers or Modifier.SEVERE_ANAEMIA in decision.modifiers


def _expecting(decision: Decision) -> bool:
    return bool(decision.evidence.pregnant or decision.evidence.breastfeeding)


def _refusal(field: Field, wish: str, words: Said) -> Refusal:
    return Refusal(field, wish, words.says, words.cite)


def _same(made: Schedule, proposed: Schedule) -> bool:
    def told(each: Schedule) -> list[tuple[object, ...]]:
        return [(o.step, o.drug, o.route, o.product, o.start, o.end) for o in each.orders]

    return told(made) == told(proposed) and made.option.steps == proposed.option.steps


@lru_cache(maxsize=256)
def _as_wished(option: Option, route: Route, months: int | None) -> Option:
    """Return an option by another route or with another interval of maintenance; itself where nothing differs."""
    step = maintenance_of(option)
    if route is not option.route:
        drugs = tuple((drug, route if by.injected else by) for drug, by in option.drugs)
        option = replace(option, route=route, drugs=drugs, off_label=False)
    if months is not None and step is not None and _period(step) != (months, months):
        option = replace(option, steps=tuple(_every_so_often(s, months) if s is step else s for s in option.steps))
    return option


def _period(step: Step) -> tuple[int, int]:
    return step.timing.period, step.timing.period_max or step.timing.period


def _every_so_often(step: Step, months: int) -> Step:
    """Return a step with one interval of months, told in words with its own dose."""
    timing = replace(step.timing, period=months, period_max=None)
    return replace(step, timing=timing, text=f"{mass(step)} {every(months)}")


@lru_cache(maxsize=64)
def _preferring(protocol: Protocol, product: str) -> Protocol:
    """Return a protocol whose first product is this one; the protocol itself where that is so."""
    ordered = tuple(sorted(protocol.products, key=lambda p: p.id != product))
    return protocol if ordered == protocol.products else replace(protocol, products=ordered)


@lru_cache(maxsize=64)
def _only(protocol: Protocol, product: str) -> Protocol:
    return replace(protocol, products=tuple(p for p in protocol.products if p.id == product))
