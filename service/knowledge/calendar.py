"""From mappings/calendar.yaml to the Book: every sentence is one that is said, every interval one of a regimen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from service.domain.due import Calendar, Check, Due, Intervals, Said
from service.domain.protocol import Protocol, Regimen
from service.knowledge import schema as shape
from service.knowledge.files import Read
from service.knowledge.nearest import unknown
from service.knowledge.protocols import citation


def calendar_of(
    file: Read[shape.CalendarFile],
    wording: shape.WordingFile,
    protocols: Collection[Protocol],
    regimens: Mapping[str, Regimen],
) -> Calendar:
    """Return the calendar; raises KnowledgeError for a sentence nobody says or a regimen that is not there."""
    sentences = {says for protocol in protocols for lines in protocol.monitoring.values() for says in lines}
    sentences |= {line.says for line in wording.notices.values()}
    checks: dict[str, Check] = {}
    for place, line in enumerate(file.content.checks):
        if line.watches not in sentences or line.watches in checks:
            raise file.error(("checks", place, "watches"), unknown("other sentence", line.watches, sorted(sentences)))
        due = (
            ()
            if line.due == "review"
            else tuple(Due(d.from_, d.from_ if d.to is None else d.to, d.unit) for d in line.due)
        )
        checks[line.watches] = Check(line.plain, due, line.due == "review", citation(line.cite))
    intervals: dict[tuple[str, int], Intervals] = {}
    for place, each in enumerate(file.content.intervals):
        if each.regimen not in regimens:
            raise file.error(("intervals", place, "regimen"), unknown("regimen", each.regimen, sorted(regimens)))
        intervals[each.regimen, each.printed] = Intervals(tuple(each.may_be), citation(each.cite))
    said = {name: Said(line.says, citation(line.cite)) for name, line in wording.phrases.items()}
    conditions = {line.waits_for: line.plain for line in file.content.conditions}
    return Calendar(
        MappingProxyType(checks), MappingProxyType(intervals), MappingProxyType(said), MappingProxyType(conditions)
    )


def _due(line: shape.DueLine) -> Due:
    return Due(line.from_, line.from_ if line.to is None else line.to, line.unit)
