"""What the pages of the app show: a story and a chosen plan as plain pieces, in words, for the templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from service.cards.plan import notes_of, remarks_of
from service.cards.text import capital, day
from service.domain.orders import Order
from service.domain.protocol import Book
from service.domain.terms import Citation, Duration, Notice, Route
from service.explanation.trace import Cited, Finding, Trace
from service.fhir.writing import dose_words
from service.smart.calendar import Plan, plan
from service.smart.choice import Base, Choice, Chosen, Field, allowed, bases, printed, refused, regimens_of
from service.smart.story import Story
from service.smart.words import ROUTES, between, every, form, supply

Json = dict[str, Any]
DURATIONS = {
    Duration.LIFELONG: "for life",
    Duration.WHILE_CAUSE_PERSISTS: "while the cause lasts",
    Duration.UNTIL_REVIEW: "until the review decides",
    Duration.SPECIALIST: "as the specialist decides",
}
_LETTERS = {"V": "read word for word", "S": "read in a secondary page", "M": "from memory or by design"}
_LOUD = frozenset({Notice.URGENT_NEURO, Notice.URGENT_ANAEMIA, Notice.SAFETY_ALLERGY, Notice.SAFETY_LEBER})
_GRID = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the calendar: when, what, of which kind, and what it rests on."""

    first: date
    when: str
    what: str
    kind: str
    cite: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a month, with what falls on it."""

    number: int
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """One month as weeks that begin on Monday; None is a day of another month."""

    title: str
    weeks: tuple[tuple[Cell | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """One value that can be chosen for a part of the plan, or why it cannot."""

    value: str
    label: str
    chosen: bool
    because: str = ""
    cite: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One plan as it is shown."""

    title: str
    regimen: str
    role: str
    route: str
    steps: tuple[tuple[str, str], ...]
    orders: tuple[str, ...]
    notes: tuple[str, ...]
    review: str
    duration: str


def who(patient: Json) -> tuple[str, str]:
    """Return the patient's name, and birth date and sex in words."""
    name: Json = next(iter(patient.get("name") or ()), {})
    whole = name.get("text") or " ".join([*(name.get("given") or ()), name.get("family") or ""]).strip()
    born = patient.get("birthDate")
    about = [f"born {born}" if born else "", patient.get("gender") or ""]
    return whole or "Name not on record", ", ".join(filter(None, about))


def cited(cite: Cited | Citation, book: Book) -> str:
    """Return a citation in words: the document, the place, and how it was verified."""
    title = book.sources[cite.source].title
    locator = f", {cite.locator}" if cite.locator else ""
    letter = cite.letter if isinstance(cite, Cited) else cite.letter.value
    return f"{cite.source}: {title}{locator} ({_LETTERS[letter]})"


def shown(base: Base, chosen: Chosen | None, story: Story, book: Book) -> Shown:
    """Return a plan: as chosen, else as it is proposed."""
    option, dated = (chosen.option, chosen.dated) if chosen is not None else (base.option, base.dated)
    calendar = plan(dated, story.decision, book, moved=base.moved)
    steps = [(c.order.step.phase.value.capitalize(), _course(c.order, len(c.doses))) for c in calendar.courses]
    steps += [
        (each.step.phase.value.capitalize(), f"{capital(each.begins)[:-1]}: {each.step.text}.")
        for each in calendar.later
    ]
    if option.then_words:
        steps.append(("Maintenance", capital(option.then_words)))
    duration = story.decision.plan.duration
    remarks = remarks_of(book)
    notes = dict.fromkeys(note for order in dated.orders for note in notes_of(option, order, remarks))
    role = "May be offered" if base.moved else "Recommended" if option.recommended else "The alternative"
    return Shown(
        title=capital(option.regimen.title)[:-1],
        regimen=option.regimen.id,
        role=role,
        route=ROUTES[option.route],
        steps=tuple(steps),
        orders=tuple(f"{dose_words(order)}; {supply(order)} in all" for order in dated.orders),
        notes=tuple(notes),
        review=day(dated.review),
        duration=DURATIONS[duration] if duration is not None else "",
    )


def _course(order: Order, doses: int) -> str:
    span = between(order.start, order.end)
    return f"{order.step.text}, {ROUTES[order.route]}: {doses} {_many(order.route, doses)}, {span}."


def _many(route: Route, count: int) -> str:
    # Of tablets a dose may be several.
    return form(route, count) if route.injected else "doses" if count != 1 else "dose"


def rows(calendar: Plan, book: Book) -> tuple[Row, ...]:
    """Return every date of a plan in order: doses, checks, the review; daily doses are one line."""
    found = []
    for course in calendar.courses:
        order = course.order
        what = f"{form(order.route, 1).capitalize()}: {dose_words(order)}"
        if course.daily:
            when = between(course.doses[0].on, course.doses[-1].on)
            found.append(Row(order.start, when, f"{capital(order.step.text)[:-1]}: {dose_words(order)}", "dose"))
            continue
        for dose in course.doses:
            note = "; only if it is needed" if dose.optional else ""
            note += "; supplied, due after the review" if dose.after_review else ""
            found.append(Row(dose.on, between(dose.on, dose.latest), f"{what}{note}", "dose"))
    found += [
        Row(visit.first, between(visit.first, visit.last), capital(visit.words), "check", cited(visit.cite, book))
        for visit in calendar.visits
    ]
    what = "Review: does it work, and how does treatment go on?"
    found.append(Row(calendar.review, day(calendar.review), what, "review"))
    return tuple(sorted(found, key=lambda row: (row.first, row.kind != "dose", row.what)))


def months(calendar: Plan) -> tuple[Month, ...]:
    """Return the months in which something happens, at most six, each day with its marks."""
    marks: dict[date, list[str]] = {}
    for course in calendar.courses:
        for dose in course.doses:
            marks.setdefault(dose.on, []).append("dose")
    for visit in calendar.visits:
        length = (visit.last - visit.first).days
        for number in range(length + 1 if length <= _GRID else 1):
            marks.setdefault(visit.first + timedelta(days=number), []).append("check")
    marks.setdefault(calendar.review, []).append("review")
    busy = sorted({(each.year, each.month) for each in marks})[:_GRID]
    return tuple(_month(year, month, marks) for year, month in busy)


def _month(year: int, month: int, marks: dict[date, list[str]]) -> Month:
    first = date(year, month, 1)
    days = ((first + timedelta(days=32)).replace(day=1) - first).days
    cells: list[Cell | None] = [None] * first.weekday()
    for number in range(days):
        on = first + timedelta(days=number)
        cells.append(Cell(number + 1, tuple(dict.fromkeys(marks.get(on, ())))))
    cells += [None] * (-len(cells) % 7)
    weeks = tuple(tuple(cells[n : n + 7]) for n in range(0, len(cells), 7))
    return Month(f"{first:%B %Y}", weeks)


def offers(story: Story, choice: Choice, chosen: Chosen | None) -> dict[str, tuple[Offer, ...]]:
    """Return what can be chosen for each part of the plan, and for what cannot why."""
    decision, book = story.decision, story.book
    base = chosen.base if chosen is not None else next(iter(bases(decision)), None)
    if base is None:
        return {}
    option = chosen.option if chosen is not None else base.option
    first = next(iter((chosen or base).dated.orders), None)
    here = Choice(base.option.regimen.id)

    def offer(field: Field, value: str, label: str, wish: Choice, *, is_chosen: bool) -> Offer:
        refusal = refused(decision, book, wish, field)
        why = (refusal.says, cited(refusal.cite, book)) if refusal is not None else ("", "")
        return Offer(value, label, is_chosen and not why[0], *why)

    regimens = {b.option.regimen.id: b.option.regimen for b in bases(decision)}
    regimens |= {r.id: r for r in regimens_of(decision.protocol) if r.id not in regimens}
    routes = dict.fromkeys([base.option.route, *base.option.regimen.routes, *base.option.regimen.off_label])
    known = printed(base.option, book)
    return {
        "plan": tuple(
            offer(Field.PLAN, r.id, capital(r.title)[:-1], Choice(r.id), is_chosen=r.id == here.regimen)
            for r in regimens.values()
        ),
        "route": tuple(
            offer(
                Field.ROUTE,
                route.value,
                ROUTES[route].capitalize(),
                Choice(here.regimen, route),
                is_chosen=route is option.route,
            )
            for route in routes
        ),
        "product": tuple(
            offer(
                Field.PRODUCT,
                p.id,
                p.text,
                Choice(here.regimen, choice.route if chosen is not None else None, p.id),
                is_chosen=first is not None and p.id == first.product.id,
            )
            for p in decision.protocol.products
        ),
        "interval": tuple(
            offer(
                Field.INTERVAL,
                str(months_),
                every(months_).capitalize(),
                Choice(here.regimen, months=months_),
                is_chosen=chosen is not None and chosen.choice.months == months_,
            )
            for months_ in _intervals(story, known.months if known is not None else ())
        ),
    }


@dataclass(frozen=True, slots=True)
class Barred:
    """Values of one part of a plan that cannot be chosen for one reason."""

    part: str
    labels: tuple[str, ...]
    because: str
    cite: str


def barred(found: dict[str, tuple[Offer, ...]]) -> tuple[Barred, ...]:
    """Return everything that cannot be chosen, by its reason."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for part, values in found.items():
        for each in values:
            if each.because:
                groups.setdefault((part, each.because, each.cite), []).append(each.label)
    return tuple(Barred(p.capitalize(), tuple(labels), why, cite) for (p, why, cite), labels in groups.items())


def _intervals(story: Story, own: Iterable[int]) -> range:
    longest = [*own, *(line.longest for line in story.decision.protocol.intervals)]
    return range(1, max(longest) + 1) if any(own) else range(0)


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from the plan as it was proposed."""

    what: str
    was: str
    now: str


def changes(chosen: Chosen) -> tuple[Change, ...]:
    """Return what a choice changes about its plan's orders."""
    was, now = chosen.base.dated, chosen.dated
    if was is now:
        return ()
    pairs = zip(was.orders, now.orders, strict=False)
    found = [c for before, after in pairs for c in _differs(before, after)]
    found += [Change("Review", day(was.review), day(now.review))]
    step = {s.text: n.text for s, n in zip(chosen.base.option.steps, chosen.option.steps, strict=True)}
    found += [Change("Interval", before, after) for before, after in step.items() if before != after]
    kept = [c for c in found if c.was != c.now]
    return tuple(dict.fromkeys(kept))


def _differs(was: Order, now: Order) -> Iterator[Change]:
    phase = was.step.phase.value.capitalize()
    yield Change("Route", ROUTES[was.route], ROUTES[now.route])
    yield Change("Product", was.product.text, now.product.text)
    yield Change(f"{phase}: dates", between(was.start, was.end), between(now.start, now.end))
    yield Change(f"{phase}: doses in this order", str(was.doses), str(now.doses))
    yield Change(f"{phase}: supply", supply(was), supply(now))


def evidence(trace: Trace) -> tuple[Finding, ...]:
    """Return every fact that the causes, the deciding rule, the modifiers and the notices rest on, each once."""
    looks = [f for rule in trace.verdict.tried if rule.fired for look in rule.looks for f in look.findings]
    found = [f for cause in trace.causes for f in (*cause.evidence, *cause.against)] + looks
    found += [f for modifier in trace.modifiers for f in modifier.findings]
    found += [f for notice in trace.notices for f in notice.findings]
    return tuple({finding.resource: finding for finding in found}.values())


def anchor(resource: str) -> str:
    """Return the name of a resource's place on the page."""
    return "r-" + "".join(c if c.isalnum() else "-" for c in resource)


def on(when: date | str | None) -> str:
    """Return a date, or the text of one, as people read it; an unknown one as nothing."""
    if isinstance(when, str):
        when = date.fromisoformat(when)
    return day(when) if when is not None else ""


def tone(notice: str) -> str:
    """Return how loudly a notice is shown."""
    return "danger" if notice in _LOUD else "warning" if notice.startswith("safety") else "info"


def chosen_of(story: Story, choice: Choice) -> tuple[Chosen | None, tuple[Any, ...]]:
    """Return the plan as chosen with no refusals, or the plan as proposed with why the choice is refused."""
    found = allowed(story.decision, story.book, choice)
    if isinstance(found, Chosen):
        return found, ()
    plain = allowed(story.decision, story.book, Choice())
    return (plain if isinstance(plain, Chosen) else None), found
