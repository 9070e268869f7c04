"""What notices a mutant: the loader, an edge, a vignette, or a printed fact that is no longer so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.consult import consultant
from service.evaluate import evaluate_document
from service.knowledge import load as loading
from service.knowledge.load import Knowledge
from service.knowledge.strict_yaml import KnowledgeError
from tests.chart.resources import Resource
from tests.knowledge.printed import departures as unlike_print
from tests.medicine.ask import chart_of
from tests.medicine.edges import crossed, documents
from tests.medicine.expect import departures
from tests.vignettes import Protocol, Vignette, vignettes

from .mutants import Mutant


@dataclass(frozen=True, slots=True)
class Question:
    """A vignette under a protocol, its chart written once."""

    told: Vignette
    protocol: Protocol
    chart: Resource
    document: bytes

    def answered_otherwise(self, using: Any) -> bool:
        given = evaluate_document(self.document, protocol=self.protocol, today=self.told.today, using=using)
        return bool(departures(self.told, self.protocol, given, self.chart))


def questions() -> list[Question]:
    """Every vignette under every protocol it names."""
    charts = {told.id: chart_of(told) for told in vignettes()}
    return [
        Question(told, protocol, charts[told.id], json.dumps(charts[told.id]).encode())
        for told in vignettes()
        for protocol in told.expect.under
    ]


@dataclass
class Catcher:
    """Applies mutants in a copy of the mappings and says who noticed each."""

    folder: Path
    asked: list[Question] = field(default_factory=questions)
    _read: dict[tuple[Path, object], Any] = field(default_factory=dict)

    @classmethod
    def copying(cls, mappings: Path, folder: Path) -> Catcher:
        """A catcher on a fresh copy of the mappings."""
        shutil.copytree(mappings, folder, ignore=shutil.ignore_patterns("__pycache__", "schema"))
        return cls(folder)

    def disagree(self) -> list[str]:
        """What is wrong before anything is changed: then nothing could be noticed."""
        knowledge = self._load(self.folder)
        using = consultant(knowledge)
        wrong = [f"vignette {q.told.id} under {q.protocol}" for q in self.asked if q.answered_otherwise(using)]
        wrong += [words for edge, here, there in documents() for words in crossed(edge, here, there, using)]
        return wrong + unlike_print(knowledge.book, self.folder)

    def notices(self, mutant: Mutant) -> str | None:
        """Who noticed: `loader`, an edge, a vignette's id, `printed`; None when nobody did."""
        with self._mutated(mutant) as changed:
            try:
                knowledge = self._load(changed)
            except KnowledgeError:
                return "loader"
            using = consultant(knowledge)
            for edge, here, there in documents():
                if crossed(edge, here, there, using):
                    return f"edge {edge.line}"
            for place, question in enumerate(self.asked):
                if question.answered_otherwise(using):
                    # Who noticed one mutant of a file notices its neighbours: ask it first.
                    self.asked.insert(0, self.asked.pop(place))
                    return f"vignette {question.told.id}"
            return "printed" if unlike_print(knowledge.book, self.folder) else None

    @contextmanager
    def _mutated(self, mutant: Mutant) -> Iterator[Path]:
        file = self.folder / mutant.file
        kept = file.read_bytes()
        file.write_text(mutant.applied(self.folder), encoding="utf-8")
        try:
            yield file
        finally:
            file.write_bytes(kept)

    def _load(self, changed: Path) -> Knowledge:
        """Load the folder, reading only the changed file anew."""
        read_as = loading.read_as

        def remembered(file: Path, shape: Any) -> Any:
            if file == changed:
                return read_as(file, shape)
            key = (file, shape)
            if key not in self._read:
                self._read[key] = read_as(file, shape)
            return self._read[key]

        loading.read_as = remembered  # type: ignore[assignment]
        try:
            return loading.load(self.folder)
        finally:
            loading.read_as = read_as
