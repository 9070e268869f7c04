"""The plan for the patient: when injections or tablets, what comes after, what is watched, in the plan's numbers."""

from __future__ import annotations

from dataclasses import dataclass

from service.cards.text import capital, day
from service.domain.protocol import Book
from service.domain.terms import Duration, Modifier, Notice
from service.smart.calendar import Course, Dose, Plan
from service.smart.choice import Chosen
from service.smart.story import Story
from service.smart.words import ROUTES, amount, between, form, mass


@dataclass(frozen=True, slots=True)
class Handout:
    """The page's parts: sentences, each with its dates, and lists of short sentences."""

    why: str
    title: str
    first: tuple[tuple[str, tuple[str, ...]], ...]
    courses: tuple[tuple[str, tuple[str, ...]], ...]
    after: tuple[str, ...]
    tests: tuple[tuple[str, str], ...]
    symptoms: tuple[str, ...]
    help: tuple[str, ...]


def handout(story: Story, chosen: Chosen, plan: Plan) -> Handout:
    """Return the plan in plain words."""
    book, decision = story.book, story.decision
    phase = plan.courses[0].order.step.phase
    first = [(_told(c), _dates(c)) for c in plan.courses if c.order.step.phase is phase]
    courses = [(_told(c), _dates(c)) for c in plan.courses if c.order.step.phase is not phase]
    plainly = book.calendar.conditions
    after = [f"{capital(plainly.get(each.begins, each.begins))[:-1]}: {each.step.text}." for each in plan.later]
    if chosen.option.then_words:
        after.append(capital(chosen.option.then_words))
    after.append(f"On {day(plan.review)} we look together at how it goes on.")
    if decision.plan.duration is not None and not chosen.base.moved:
        after.append(_says(book, f"patient-{Duration(decision.plan.duration).value}"))
    tests = {(between(v.first, v.last), capital(v.plain)): None for v in plan.visits}
    undated = [book.calendar.checks[s].plain for s in plan.watched if s in book.calendar.checks]
    symptoms = [_says(book, name) for name in ("patient-better", "patient-soon", "patient-return")]
    helps = ["patient-allergy", "patient-keep"]
    if Notice.SAFETY_FOLATE in decision.notices or Modifier.LOW_FOLATE in decision.modifiers:
        helps.append("patient-folic-acid")
    return Handout(
        why=_says(book, "patient-why"),
        title=f"Your {form(plan.courses[0].order.route)}",
        first=tuple(first),
        courses=tuple(courses),
        after=tuple(after),
        tests=(*tests, *(("Also", capital(words)) for words in undated)),
        symptoms=tuple(symptoms),
        help=tuple(_says(book, name) for name in helps),
    )


def _says(book: Book, name: str) -> str:
    return book.calendar.said[name].says


def _told(course: Course) -> str:
    """Return one course in words: how many, how much, how often."""
    order, count = course.order, len(course.doses)
    if not order.route.injected:
        return f"{amount(order)} {ROUTES[order.route]}: {order.step.text}, {between(order.start, order.end)}."
    if order.first_after is not None:
        return (
            f"Then {order.step.text} {ROUTES[order.route]}. The first is due {order.first_after} after your last one:"
        )
    sure = sum(not dose.optional for dose in course.doses)
    many = f"{count}" if sure == count else f"{sure} to {count}"
    return f"{many} {form(order.route, count)} of {mass(order.step)} {ROUTES[order.route]}: {order.step.text}."


def _dates(course: Course) -> tuple[str, ...]:
    """Return the days of the doses; of daily doses by mouth the first and the last are said already."""
    return () if course.daily and not course.order.route.injected else tuple(map(_day, course.doses))


def _day(dose: Dose) -> str:
    when = f"{dose.on:%A} {day(dose.on)}" if dose.on == dose.latest else f"{day(dose.on)} to {day(dose.latest)}"
    notes = (" (only if it is needed)" if dose.optional else "") + (" (if it goes on)" if dose.after_review else "")
    return f"{when}{notes}"
