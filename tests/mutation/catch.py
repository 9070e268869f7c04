"""What notices a mutant: a vignette, an edge, an answer that is not as kept, or a unit test."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec

from cds_hooks.wire import Response
from service.answer import Answer
from service.consult import Consultant, consultant
from service.knowledge import load as loading
from tests.golden.answers import Question, kept, questions, reasons, said
from tests.medicine.edges import Edge, _shows, documents
from tests.medicine.expect import departures
from tests.vignettes import Vignette, vignettes

_read: dict[tuple[Path, object], Any] = {}
_read_as = loading.read_as


def _remembered(file: Path, shape: Any) -> Any:
    key = (file, shape)
    if key not in _read:
        _read[key] = _read_as(file, shape)
    return _read[key]


def loaded() -> Consultant:
    """A consultant on the shipped knowledge, the files read once."""
    loading.read_as = _remembered  # type: ignore[assignment]
    return consultant(loading.load())


class Asked:
    """A question with all that is expected of its answer."""

    def __init__(self, question: Question, expected: Callable[[Answer], bool]) -> None:
        self.question = question
        self.expected = expected

    @property
    def reasoned(self) -> bool:
        """Return whether its reasons are looked at too: those of an edge or a vignette on its own day."""
        return " with " not in self.question.name and " later by " not in self.question.name

    def noticed(self, using: Consultant) -> str | None:
        """Return what notices that the answer is another; None when it is the same."""
        try:
            given = self.question.answer(using)
            if not self.expected(given):
                return f"expected {self.question.name}"
            if not kept()[self.question.name].startswith(said(given)):
                return f"kept {self.question.name}"
        except Exception as error:
            return f"error {self.question.name}: {type(error).__name__}"
        return None

    def explained_otherwise(self, using: Consultant) -> str | None:
        """Return what notices that the reasons are others."""
        try:
            why = reasons(self.question.answer(using), using)
        except Exception as error:
            return f"error {self.question.name}: {type(error).__name__}"
        return None if kept()[self.question.name].endswith(why) else f"reasons {self.question.name}"


def asked() -> list[Asked]:
    """Every question, the edges first."""
    told = {each.id: each for each in vignettes()}
    edges = [_edge(edge, side) for edge, _, _ in documents() for side in (True, False)]
    found = [Asked(question, expected) for question, expected in zip(questions(), edges, strict=False)]
    for question in questions()[len(edges) :]:
        mine = told.get(question.name.partition(",")[0]) if " later by " not in question.name else None
        if mine is not None and question.protocol in mine.expect.under:
            found.append(Asked(question, _vignette(mine, question.protocol, json.loads(question.document))))
        else:
            found.append(Asked(question, lambda _: True))
    return found


def _edge(edge: Edge, side: bool) -> Callable[[Answer], bool]:
    return lambda given: _shows(edge.shows, given.assessment) is side


def _vignette(told: Vignette, protocol: Any, chart: Any) -> Callable[[Answer], bool]:
    def expected(given: Answer) -> bool:
        cards = msgspec.json.decode(msgspec.json.encode(Response(cards=given.cards)))["cards"]
        return not departures(told, protocol, given.assessment | {"cards": cards}, chart)

    return expected


Key = tuple[str, str, int]


def key(code: CodeType) -> Key:
    """Where a function stands."""
    return Path(code.co_filename).name, code.co_qualname, code.co_firstlineno


@contextmanager
def watching() -> Iterator[set[CodeType]]:
    """Collect the functions of the domain that run meanwhile."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and f"{os.sep}domain{os.sep}" in frame.f_code.co_filename:
            seen.add(frame.f_code)

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def ran(work: Callable[[], object]) -> set[Key]:
    """Do the work; return the functions of the domain that it ran."""
    with watching() as seen:
        work()
    return set(map(key, seen))


def notice(using: Consultant, chosen: Sequence[Asked], why: Iterable[Asked]) -> str | None:
    """Return who notices first; None when nobody does."""
    for each in chosen:
        if found := each.noticed(using):
            return found
    for each in why:
        if each.reasoned and (found := each.explained_otherwise(using)):
            return found
    return None
