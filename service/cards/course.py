"""How treatment goes, in words: the response, the interval, two treatments at once."""

from __future__ import annotations

from collections.abc import Iterator

from service.cards.text import capital, day, escaped, listed, title_of
from service.domain.decision import Decision
from service.domain.intervals import Departure
from service.domain.protocol import Book
from service.domain.response import Verdict
from service.domain.terms import Status


def course(decision: Decision, book: Book) -> Iterator[str]:
    """Yield what is to be said of how treatment goes; nothing for a patient who is not on treatment."""
    if decision.assessment.status is not Status.ON_TREATMENT:
        return
    given, says = decision.given, book.wording.phrases
    yield from _response(decision)
    if given.parallel:
        both = listed(f"{e.concept.title} ({escaped(e.resource)})" for e in given.parallel)
        yield f"{says['side-by-side']}: {both}."
    if given.overdue:
        late = given.overdue
        yield f"{says['overdue']} {day(late.given)} ({escaped(late.last.resource)}), the next due by {day(late.due)}."
    if given.too_rare:
        yield _departure(says["too-rare"], given.too_rare)
    if given.too_often:
        yield _departure(says["too-often"], given.too_often)


def _response(decision: Decision) -> Iterator[str]:
    response = decision.response
    if response is None or response.verdict is not Verdict.POOR:
        return
    seen = [f"{title_of(r, decision.tests)} {escaped(r.shown)} ({day(r.taken.latest)})" for r in response.results]
    shown = f"{', '.join(seen)}: " if seen else ""
    yield f"Response in doubt: {shown}{response.why}."
    if seen:
        yield f"To be expected: {capital(decision.protocol.response)}"


def _departure(says: str, found: Departure) -> str:
    drug, usual = found.usual.drug, found.usual.text
    return f"{says}: {drug} every {found.days} days ({escaped(found.course.resource)}), usually {usual}."
