"""What is said of B12 on record: whether it keeps to its interval, how it works, what may be offered instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

from service.domain.decision import Decision, decide
from service.domain.intervals import Departure
from service.domain.record import Concept, Course, Exposure, Form, Problem, Result, When, record_of
from service.domain.terms import Analyte, Role
from service.knowledge.load import load

FILE = Path(__file__).parent / "therapies.txt"
_DAY = date(2026, 3, 31)
_ADULT = When(date(1970, 5, 1), date(1970, 5, 1))
_CAUSES = ("pernicious-anaemia", "coeliac-disease")
_DRUGS = ("hydroxocobalamin", "cyanocobalamin")
_INTERVALS = (1, 29, 30, 31, 60, 75, 90, 91, 100, 120)
_BEGAN = (None, 0, 20, 60, 400)
_GIVEN = (None, 0, 30, 37, 38, 90, 97, 98, 200)


def written() -> str:
    """All lines."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    book = load().book
    causes = [name for name in _CAUSES if name in book.causes]
    for protocol, cause, drug in product(book.protocols.values(), causes, _DRUGS):
        for words, exposures in _histories(drug):
            record = record_of(_counts(), (_problem(cause),), exposures, birth=_ADULT)
            yield f"{protocol.id}, {cause}, {drug}, {words}: {_told(decide(record, protocol, book, _DAY))}"


def _histories(drug: str) -> Iterator[tuple[str, tuple[Exposure, ...]]]:
    for every in _INTERVALS:
        yield f"every {every} for 400", (_order(drug, every, 400),)
    for began, given in product(_BEGAN, _GIVEN):
        doses = () if given is None else (_dose(drug, given),)
        yield f"every 90 for {began}, given {given} ago", (_order(drug, 90, began), *doses)
    for over in (-10, 0, 1, 100):
        yield f"over {over} ago", (_order(drug, 60, 400, over=over),)
    for form in (Form.ORAL, Form.NASAL, Form.UNKNOWN):
        yield f"{form.value} for 400", (_order(drug, 1, 400, form),)
        yield f"{form.value} beside injections", (_order(drug, 1, 400, form), _order(drug, 60, 400))
    for days in ((200, 110, 20), (110, 20), (20,), (400, 300, 200), (60, 40, 20)):
        yield f"given {days} ago", tuple(_dose(drug, ago) for ago in days)
    yield "not how often", (_order(drug, None, 400),)
    yield "renewed", (_order(drug, 60, 400, over=100), _order(drug, 60, 99))


def _order(
    drug: str, every: int | None, began: int | None, form: Form = Form.INJECTION, over: int | None = None
) -> Exposure:
    start, end = (_DAY - timedelta(days=days) if days is not None else None for days in (began, over))
    often = Decimal(every) if every is not None else None
    return Exposure(_concept(drug), f"MedicationRequest/{began}", Course.ACTIVE, form, start, end, often)


def _dose(drug: str, ago: int) -> Exposure:
    day = _DAY - timedelta(days=ago)
    return Exposure(_concept(drug), f"MedicationAdministration/{ago}", Course.GIVEN, Form.INJECTION, day, day)


def _concept(drug: str) -> Concept:
    return Concept(drug, drug, frozenset({Role.COBALAMIN}))


def _problem(cause: str) -> Problem:
    return Problem(Concept(cause, cause, cause=cause), f"Condition/{cause}", None, None, active=True, certain=True)


def _counts() -> tuple[Result, ...]:
    day = _DAY - timedelta(days=3)
    return (Result(Analyte.HAEMOGLOBIN, "Observation/hb", When(day, day), "140 g/L"),)


def _told(decision: Decision) -> str:
    given, response = decision.given, decision.response
    late = given.overdue
    offers = [f"{o.kind.value} {o.refused or (o.option.regimen.id if o.option else '')}" for o in decision.offers]
    said = (
        decision.assessment.status.value,
        f"overdue since {late.due}, given {late.given}" if late else "",
        _departure("too often", given.too_often),
        _departure("too rare", given.too_rare),
        f"{len(given.parallel)} side by side" if given.parallel else "",
        f"review was due {given.review}" if given.review else "",
        f"{response.verdict.value}, {response.why}, since {response.since}" if response else "no response",
        f"offers {', '.join(offers)}" if offers else "",
        " ".join(notice for notice in decision.notices if not notice.startswith("conflict")),
    )
    return " | ".join(word for word in said if word)


def _departure(words: str, found: Departure | None) -> str:
    return f"{words}: {found.days} days, {found.usual.text}" if found is not None else ""
