"""What is said of B12 on record: whether it keeps to its interval, how it works, what may be offered instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

from service.domain.decision import Decision, decide
from service.domain.intervals import Departure
from service.domain.offers import Offer
from service.domain.record import Concept, Course, Exposure, Form, Measure, Problem, Result, When, record_of
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
    for protocol, form in product(book.protocols.values(), (Form.ORAL, Form.INJECTION)):
        taken = _order(_DRUGS[1], 1 if form is Form.ORAL else 30, 400, form)
        for words, problems, medicines in _over():
            record = record_of((*_counts(), *_cells()), problems, (taken, *medicines), birth=_ADULT)
            yield f"{protocol.id}, {form.value}, {words}: {_told(decide(record, protocol, book, _DAY))}"


def _over() -> Iterator[tuple[str, tuple[Problem, ...], tuple[Exposure, ...]]]:
    """Causes that are over, or are not, since tablets were begun 400 days ago; and what else there is then."""
    coeliac, pregnancy = _problem("coeliac-disease"), _of_role(Role.PREGNANCY)
    for days in (-1, 0, 100, 1000):
        yield f"coeliac over {days} ago", (_ended(coeliac, days),), ()
        yield f"pregnancy over {days} ago", (_ended(pregnancy, days),), ()
        yield f"metformin over {days} ago", (), (_medicine("metformin", days),)
    over, sprue = _ended(coeliac, 100), _problem("tropical-sprue")
    yield "coeliac over twice", (over, _ended(coeliac._replace(resource="Condition/a"), 50)), ()
    yield "coeliac over twice on a day", (over, over._replace(resource="Condition/z")), ()
    yield "coeliac over, and there again", (over, coeliac._replace(resource="Condition/b")), ()
    yield "coeliac over, sprue not", (over, sprue), ()
    yield "coeliac and sprue over", (over, _ended(sprue, 20)), ()
    yield "coeliac in remission", (over._replace(remission=True),), ()
    yield "coeliac never certain", (over._replace(certain=False),), ()
    yield "coeliac over, no day", (over._replace(ended=None),), ()
    yield "pernicious anaemia over", (_ended(_problem("pernicious-anaemia"), 100),), ()
    yield "breastfeeding over", (_ended(_of_role(Role.BREASTFEEDING), 100),), ()
    yield "coeliac over, pregnant", (over, pregnancy), ()
    yield "coeliac over, breastfeeding", (over, _of_role(Role.BREASTFEEDING)), ()
    yield "two medicines over", (), (_medicine("metformin", 100), _medicine("omeprazole", 50))
    yield "one medicine over", (), (_medicine("metformin", 100), _medicine("omeprazole", None))
    yield "a medicine over twice", (), (_medicine("metformin", 300), _medicine("metformin", 100))
    yield "a medicine over, and taken again", (), (_medicine("metformin", 300), _medicine("metformin", None))
    yield "a draft", (over,), (_order(_DRUGS[1], 1, 1, Form.ORAL)._replace(course=Course.DRAFT),)


def _ended(problem: Problem, days: int) -> Problem:
    day = _DAY - timedelta(days=days)
    return problem._replace(active=False, ended=When(day, day))


def _of_role(role: Role) -> Problem:
    return _problem("")._replace(concept=Concept(role.value, role.value, frozenset({role})), resource="Condition/role")


def _medicine(name: str, over: int | None) -> Exposure:
    end = _DAY - timedelta(days=over) if over is not None else None
    course = Course.ACTIVE if over is None else Course.ENDED
    return Exposure(Concept(name, name), f"MedicationRequest/{name}-{over}", course, Form.ORAL, date(2020, 1, 5), end)


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


def _cells() -> tuple[Result, ...]:
    day = _DAY - timedelta(days=3)
    volume = Measure(Decimal(90), "fL")
    return (
        Result(Analyte.MCV, "Observation/mcv", When(day, day), "90 fL", volume),
        Result(Analyte.HAEMOGLOBIN, "Observation/hb-2", When(day, day), "140 g/L", Measure(Decimal(140), "g/L")),
    )


def _told(decision: Decision) -> str:
    given, response = decision.given, decision.response
    late = given.overdue
    offers = map(_offer, decision.offers)
    said = (
        decision.assessment.status.value,
        f"overdue since {late.due}, given {late.given}" if late else "",
        _departure("too often", given.too_often),
        _departure("too rare", given.too_rare),
        f"{len(given.parallel)} side by side" if given.parallel else "",
        f"review was due {given.review}" if given.review else "",
        f"{response.verdict.value}, {response.why}, since {response.since}" if response else "no response",
        f"offers {', '.join(offers)}" if decision.offers else "",
        " ".join(notice for notice in decision.notices if not notice.startswith("conflict")),
    )
    return " | ".join(word for word in said if word)


def _offer(offer: Offer) -> str:
    over = [f"{r.cause.id} since {r.since} by {' '.join(r.resources)}" for r in offer.resolved]
    begins = f"to {offer.dated.review}" if offer.dated else ""
    regimen = f"{offer.option.regimen.id} {offer.option.route.value}" if offer.option else ""
    words = (offer.kind.value, offer.refused or "", regimen, begins, *(e.resource for e in offer.stops), *over)
    return " ".join(word for word in words if word)


def _departure(words: str, found: Departure | None) -> str:
    return f"{words}: {found.days} days, {found.usual.text}" if found is not None else ""
