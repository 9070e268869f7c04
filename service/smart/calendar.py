"""A plan as days: every dose that its orders supply, every check that its protocol asks for, and the review. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from service.cards.plan import watch
from service.domain.decision import Decision
from service.domain.due import after
from service.domain.orders import Order, Schedule
from service.domain.protocol import Book, Step
from service.domain.terms import Citation
from service.fhir.supply import doses_between
from service.fhir.writing import how_often


@dataclass(frozen=True, slots=True)
class Dose:
    """One dose: due from `on` to `latest`; the supply of an `optional` one may be left over.

    `after_review` tells that it is supplied but falls due only after the order ends.
    """

    on: date
    latest: date
    optional: bool = False
    after_review: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """An order and all its doses."""

    order: Order
    doses: tuple[Dose, ...]

    @property
    def daily(self) -> bool:
        """Return whether a dose is due on each day: then two dates say it all."""
        steps = {later.on - earlier.on for earlier, later in pairwise(self.doses)}
        return steps == {timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Later:
    """A step that is not ordered yet: what it waits for."""

    step: Step
    drug: str
    begins: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A check that falls due from one day to another, in the protocol's words and in plain ones."""

    first: date
    last: date
    words: str
    plain: str
    cite: Citation


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The calendar of a plan: courses, what follows them, dated checks in order, and what is watched without a day."""

    courses: tuple[Course, ...]
    later: tuple[Later, ...]
    visits: tuple[Visit, ...]
    watched: tuple[str, ...]
    review: date

    @property
    def start(self) -> date:
        """Return the day of the first dose, or of the review where nothing is ordered."""
        return self.courses[0].doses[0].on if self.courses else self.review


def plan(dated: Schedule, decision: Decision, book: Book, *, moved: bool = False) -> Plan:
    """Return the calendar of a schedule; a patient who is `moved` from one treatment to another is not new to it."""
    courses: list[Course] = []
    for order in dated.orders:
        waits = courses[-1].doses[-1].on if order.first_after is not None and courses else None
        courses.append(Course(order, doses(repeat_of(order), waits_from=waits)))
    ordered = {order.number for order in dated.orders}
    option = dated.option
    steps = enumerate(zip(option.steps, option.drugs, strict=True), 1)
    later = tuple(Later(s, drug, s.begins_if or "after that") for n, (s, (drug, _)) in steps if n not in ordered)
    start = courses[0].doses[0].on if courses else decision.evidence.today
    sentences = [*watch(option, decision), *(() if moved else _noticed(decision, book))]
    visits = [] if moved else [v for s in sentences for v in _visits(s, start, dated.review, book)]
    undated = dict.fromkeys(s for s in sentences if s not in {v.words for v in visits})
    return Plan(
        tuple(courses),
        later,
        tuple(sorted(visits, key=lambda v: (v.first, v.last, v.words))),
        tuple(undated),
        dated.review,
    )


def repeat_of(order: Order) -> dict[str, Any]:
    """Return an order's Timing.repeat, as its MedicationRequest says it."""
    bounds = {"start": order.start.isoformat(), "end": order.end.isoformat()}
    return {"boundsPeriod": bounds} | how_often(order.step.timing)


def doses(repeat: Mapping[str, Any], *, waits_from: date | None = None) -> tuple[Dose, ...]:
    """Return the doses of a Timing.repeat that has a boundsPeriod: as many as its order supplies.

    Several doses in one period stand evenly in it. With `waits_from`, the last dose of the course before, the first is
    due one period after that.
    """
    bounds = repeat["boundsPeriod"]
    start, end = date.fromisoformat(bounds["start"]), date.fromisoformat(bounds["end"])
    sure = int(repeat.get("count", 0)) or doses_between(dict(repeat), start, end)
    most = int(repeat.get("countMax", sure))
    times, unit = int(repeat["frequency"]), repeat["periodUnit"]
    short, long = int(repeat["period"]), int(repeat.get("periodMax", repeat["period"]))
    found = []
    for number in range(most):
        whole, part = divmod(number, times)
        if waits_from is not None:
            base, periods = waits_from, whole + 1
        else:
            base, periods = start, whole
        on = after(base, periods * short, unit)
        on += timedelta(days=part * (after(on, short, unit) - on).days // times)
        found.append(Dose(on, max(on, after(base, periods * long, unit)), number >= sure, on > end))
    return tuple(found)


def _noticed(decision: Decision, book: Book) -> Iterator[str]:
    """Yield the notices that are checks with a day of their own."""
    for notice in decision.notices:
        sentence = book.wording.sentences.get(notice, "")
        if sentence in book.calendar.checks:
            yield sentence


def _visits(sentence: str, start: date, review: date, book: Book) -> Iterator[Visit]:
    check = book.calendar.checks.get(sentence)
    if check is None:
        return
    if check.at_review:
        yield Visit(review, review, sentence, check.plain, check.cite)
    for due in check.due:
        first, last = due.days(start)
        yield Visit(first, last, sentence, check.plain, check.cite)
