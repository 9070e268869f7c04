"""What a protocol says of a patient over time: intervals of injections, reticulocytes, moves to another route."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from service.domain.protocol import Interval, Marrow, Move, Regimen
from service.domain.terms import Citation
from service.knowledge import schema as shape
from service.knowledge.files import Place, Read

File = Read[shape.ProtocolFile]
Given = Callable[[File, Place, str], Regimen]


def over_time(file: File, drugs: Collection[str], given: Given) -> dict[str, Any]:
    """Return the fields of a Protocol that are about a patient over time.

    Raises KnowledgeError for a drug or regimen that leads nowhere, and for a move to what is injected.
    """
    stable = file.content.stable
    return {
        "intervals": tuple(_intervals(file, drugs)),
        "marrow": _marrow(file.content.monitoring.reticulocytes),
        "to_tablets": _move(file, "tablets", stable.tablets, given),
        "to_nasal": _move(file, "nasal", stable.nasal, given),
    }


def _cited(cite: shape.Cite) -> Citation:
    return Citation(cite.source, cite.letter, cite.locator)


def _intervals(file: File, drugs: Collection[str]) -> Iterator[Interval]:
    lines = file.content.monitoring.intervals
    for place, line in enumerate(lines):
        if line.drug not in drugs:
            raise file.error(("monitoring", "intervals", place), f"{line.drug} is not in drugs.yaml")
        yield Interval(line.drug, line.mechanism, line.shortest, line.longest, line.text, _cited(line.cite))
    for drug in drugs:
        if [line.drug for line in lines if line.mechanism is None].count(drug) != 1:
            raise file.error(("monitoring", "intervals"), f"give one line for {drug} without a mechanism")


def _marrow(line: shape.ReticulocytesLine | None) -> Marrow | None:
    if line is None:
        return None
    return Marrow(line.from_day, line.times_normal, line.haematocrit_below, _cited(line.cite))


def _move(file: File, name: str, line: shape.MoveLine | None, given: Given) -> Move | None:
    if line is None:
        return None
    path = ("stable", name)
    if bool(line.never) != (line.never_because is not None):
        raise file.error(path, "never and never-because go together")
    regimen = given(file, path, line.regimen)
    if regimen.injected or not regimen.maintenance:
        raise file.error(path, f"{regimen.id}: a patient moves to maintenance that is not injected")
    return Move(regimen, frozenset(line.never), line.never_because, _cited(line.cite))
