"""The page for the patient and the calendar file: every number and every date is the plan's own."""

from __future__ import annotations

import re
from datetime import date

import pytest
from icalendar import Calendar

from service.cards.text import day
from service.domain.decision import Decision
from service.explanation import explain
from service.smart.calendar import Plan, plan
from service.smart.choice import Choice, Chosen, allowed
from service.smart.handout import Handout, handout
from service.smart.ics import ics
from service.smart.story import Story
from tests.smart.patients import book, first, with_a_plan

AS_PROPOSED = Choice()
#: What a patient should not have to know.
HARD = re.compile(
    r"\b(repletion|maintenance|cobalamin|haematocrit|reticulocytes|MMA|INR|subcutaneous|intramuscular|neurology|anaphylaxis)\b"
)


def made(decision: Decision, choice: Choice = AS_PROPOSED) -> tuple[Story, Chosen, Plan]:
    found = allowed(decision, book(), choice)
    assert isinstance(found, Chosen)
    story = Story({}, (), decision, explain(decision, book()), book(), "", "info")
    return story, found, plan(found.dated, decision, book(), moved=found.base.moved)


def sentences(page: Handout) -> list[str]:
    first_part = [text for words, dates in (*page.first, *page.courses) for text in (words, *dates)]
    tests = [text for pair in page.tests for text in pair]
    return [page.why, page.title, *first_part, *page.after, *tests, *page.symptoms, *page.help]


EVERYONE = [pytest.param(d, id=f"{n}-{d.protocol.id}") for n, d in enumerate(with_a_plan())]


@pytest.mark.parametrize("decision", EVERYONE)
def test_every_number_on_the_page_is_one_of_the_plan(decision: Decision) -> None:
    story, chosen, calendar = made(decision)
    said = set(re.findall(r"\d+(?:\.\d+)?", " ".join(sentences(handout(story, chosen, calendar)))))

    days = [d for c in calendar.courses for dose in c.doses for d in (dose.on, dose.latest)]
    days += [d for v in calendar.visits for d in (v.first, v.last)] + [calendar.review]
    days += [d for c in calendar.courses for d in (c.order.start, c.order.end)]
    known = {str(part) for d in days for part in (d.day, d.year)}
    known |= {str(len(c.doses)) for c in calendar.courses}
    known |= {str(sum(not d.optional for d in c.doses)) for c in calendar.courses}
    known |= {f"{n:f}" for c in calendar.courses for n in (c.order.low, c.order.high) if n is not None}
    known |= {f"{n:f}" for s in chosen.option.steps for n in (s.low, s.high) if n is not None}
    known |= set(re.findall(r"\d+(?:\.\d+)?", " ".join(s.text for s in chosen.option.steps)))
    known |= set(re.findall(r"\d+", " ".join(c.order.first_after or "" for c in calendar.courses)))
    known |= set(re.findall(r"\d+", " ".join(check.plain for check in book().calendar.checks.values())))
    known |= {"12"}  # B12

    assert said - known == set()


@pytest.mark.parametrize("decision", EVERYONE)
def test_the_page_has_its_three_parts_and_no_word_of_the_trade(decision: Decision) -> None:
    page = handout(*made(decision))

    assert page.first
    assert page.after
    assert page.tests
    assert page.symptoms
    assert [s for s in sentences(page) if HARD.search(s)] == []


@pytest.mark.parametrize("decision", EVERYONE)
def test_the_page_fits_on_one_sheet(decision: Decision) -> None:
    """About sixty lines of ninety letters; a sheet in the browser is measured in the browser's own test."""
    page = handout(*made(decision))

    assert sum(1 + len(each) // 90 for each in sentences(page)) < 60


def test_injections_are_told_with_their_number_and_their_days() -> None:
    page = handout(*made(first("uk-ng239", "UK-HYDROXO-STD")))
    ((words, dates),) = page.first

    assert words.startswith("6 injections of 1 mg into a muscle: 1 mg three times a week for 2 weeks")
    assert len(dates) == 6
    assert page.title == "Your injections"


def test_injections_that_come_after_are_told_with_the_days_between_which_they_are_due() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")
    _, _, calendar = made(decision)
    ((words, dates),) = handout(*made(decision)).courses
    due, later = calendar.courses[1].doses

    assert words == ("Then 1 mg every 2 to 3 months into a muscle. The first is due 2 to 3 months after your last one:")
    assert dates == (
        f"{day(due.on)} to {day(due.latest)}",
        f"{day(later.on)} to {day(later.latest)} (if it goes on)",
    )


def test_tablets_are_told_by_the_day_and_not_day_by_day() -> None:
    page = handout(*made(first("uk-ng239", "UK-ORAL-DIET")))
    ((words, dates),) = page.first

    assert words.startswith("1 to 3 tablets by mouth: 50 to 150 micrograms daily")
    assert dates == ()
    assert page.title == "Your tablets"


def test_a_plan_as_changed_is_the_plan_that_is_printed() -> None:
    page = handout(*made(first("uk-ng239", "UK-HYDROXO-STD"), Choice(months=3)))

    assert "every 3 months" in page.courses[0][0]


def events(decision: Decision, choice: Choice = AS_PROPOSED) -> list[tuple[str, date]]:
    _, _, calendar = made(decision, choice)
    read = Calendar.from_ical(ics(calendar, decision.evidence.today, "p1|x"))
    return [(str(e["summary"]), e["dtstart"].dt) for e in read.walk("VEVENT")]


@pytest.mark.parametrize("decision", EVERYONE)
def test_every_dose_check_and_review_is_in_the_calendar_file(decision: Decision) -> None:
    _, _, calendar = made(decision)

    found = events(decision)

    doses = sum(1 if c.daily else len(c.doses) for c in calendar.courses)
    assert len(found) == doses + len(calendar.visits) + 1
    assert {d.on for c in calendar.courses for d in c.doses if not c.daily} <= {day for _, day in found}
    assert all(type(day) is date for _, day in found)


def test_daily_tablets_are_one_event_that_repeats_as_often_as_there_are_doses() -> None:
    decision = first("uk-ng239", "UK-ORAL-DIET")
    _, _, calendar = made(decision)
    read = Calendar.from_ical(ics(calendar, decision.evidence.today, "p1|x"))
    repeats = [e["rrule"] for e in read.walk("VEVENT") if "rrule" in e]

    assert [(r["FREQ"], r["COUNT"]) for r in repeats] == [(["DAILY"], [calendar.courses[0].order.doses])]


def test_the_same_plan_gives_the_same_file_and_names_nobody() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")
    _, _, calendar = made(decision)
    once, again = (ics(calendar, decision.evidence.today, "patient-7|x") for _ in range(2))

    assert once == again
    assert b"patient-7" not in once
    uids = re.findall(rb"UID:(\S+)", once)
    assert len(set(uids)) == len(uids) > 8
