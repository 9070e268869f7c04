"""The dates of a plan as an iCalendar file (RFC 5545): whole days, no name, the same bytes for the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from icalendar import Calendar, Event

from service.cards.text import capital, day
from service.fhir.writing import dose_words
from service.ids import Space, named
from service.smart.calendar import Course, Plan
from service.smart.words import ROUTES, form

_EVENT = Space("urn:b12-cds:event")


def ics(plan: Plan, made: date, seed: str) -> bytes:
    """Return the calendar file of a plan; `seed` makes the ids, so that a newer file replaces an older one."""
    calendar = Calendar()
    calendar.add("prodid", "-//b12-cds//plan//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for number, event in enumerate(_events(plan)):
        event.add("uid", f"{named(_EVENT, f'{seed}|{number}')}@b12-cds")
        event.add("dtstamp", datetime.combine(made, time(), UTC))
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    found: bytes = calendar.to_ical()
    return found


def _events(plan: Plan) -> Iterator[Event]:
    for course in plan.courses:
        yield from _doses(course)
    for visit in plan.visits:
        until = f"From {day(visit.first)} to {day(visit.last)}. " if visit.last != visit.first else ""
        yield _event(visit.first, capital(visit.plain)[:-1], f"{until}{capital(visit.words)}")
    yield _event(plan.review, "Review of the B12 treatment", "How it goes on.")


def _doses(course: Course) -> Iterator[Event]:
    order = course.order
    title = f"Vitamin B12 {form(order.route, 1)}"
    words = f"{dose_words(order)}, {ROUTES[order.route]}."
    if course.daily:
        event = _event(course.doses[0].on, f"Vitamin B12 {form(order.route)}", f"{capital(order.step.text)} {words}")
        event.add("rrule", {"freq": "daily", "count": len(course.doses)})
        yield event
        return
    for dose in course.doses:
        until = f"Due from {day(dose.on)} to {day(dose.latest)}. " if dose.latest != dose.on else ""
        maybe = "Only if it is needed. " if dose.optional else ""
        yield _event(dose.on, title, f"{until}{maybe}{words}")


def _event(on: date, title: str, words: str) -> Event:
    event = Event()
    event.add("summary", title)
    event.add("description", words)
    event.add("dtstart", on)
    event.add("dtend", on + timedelta(days=1))
    return event
