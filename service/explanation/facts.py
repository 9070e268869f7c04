"""The record's facts by their resource, and the book's citations: what every part of a trace refers to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from service.domain.index import Test
from service.domain.protocol import Book
from service.domain.record import Exposure, Problem, Record, Result, When
from service.domain.terms import Citation
from service.explanation.trace import Cited, Finding


class Facts:
    """Knows every fact of one record by its resource."""

    def __init__(self, record: Record, tests: Iterable[Test]) -> None:
        titles = {test.analyte: test.title for test in tests}
        self._known: dict[str, Finding] = {}
        for fact in (*record.procedures, *record.allergies, *record.states):
            self._known[fact.resource] = _finding(fact.resource, fact.concept.title, fact.when)
        for problem in record.problems:
            self._known[problem.resource] = _finding(problem.resource, _problem(problem), problem.onset)
        for exposure in record.exposures:
            self._known[exposure.resource] = Finding(
                resource=exposure.resource, says=_exposure(exposure), date=_iso(exposure.start)
            )
        for result in record.results:
            says = f"{titles.get(result.analyte, result.analyte.value)} {result.shown}"
            self._known[result.resource] = _finding(result.resource, says, result.taken)

    def of(self, resources: Iterable[str]) -> tuple[Finding, ...]:
        """Return the facts read from some resources, each once."""
        return tuple(
            self._known.get(r) or Finding(resource=r, says="on record", date=None) for r in dict.fromkeys(resources)
        )

    def result(self, result: Result | None) -> tuple[Finding, ...]:
        """Return a result as a fact, or nothing."""
        return self.of([result.resource]) if result else ()


class Sources:
    """Knows what each citation of a book stands for."""

    def __init__(self, book: Book) -> None:
        self._sources = book.sources

    def of(self, cite: Citation) -> Cited:
        """Return a citation with its title and address."""
        source = self._sources[cite.source]
        return Cited(
            source=cite.source, title=source.title, letter=cite.letter.value, locator=cite.locator, url=source.url
        )


def _finding(resource: str, says: str, when: When | None) -> Finding:
    return Finding(resource=resource, says=says, date=_iso(when.latest) if when else None)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _problem(problem: Problem) -> str:
    marks = ([] if problem.active else ["not active"]) + ([] if problem.certain else ["not confirmed"])
    return f"{problem.concept.title} ({', '.join(marks)})" if marks else problem.concept.title


def _exposure(exposure: Exposure) -> str:
    until = f" to {exposure.end.isoformat()}" if exposure.end else ""
    return f"{exposure.concept.title}, {exposure.form.value}, {exposure.course.value}{until}"
