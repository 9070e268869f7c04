"""From mappings/conflicts.yaml to the conflicts of the Book: every name in them leads somewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import MappingProxyType

from service.domain.assess import RULES
from service.domain.conflicts import TESTS
from service.domain.dispute import Conflict, Matter
from service.domain.terms import Status
from service.knowledge import schema as shape
from service.knowledge.files import Place, Read
from service.knowledge.nearest import unknown

#: Where there is a deficiency to explain; prevention is added by the decision.
_EXPLAINED = frozenset({Status.CONFIRMED, Status.INDETERMINATE, Status.ON_TREATMENT})


def conflicts_of(
    file: Read[shape.ConflictsFile],
    protocols: Collection[str],
    causes: Collection[str],
    regimens: Collection[str],
    drugs: Collection[str],
) -> Iterator[Conflict]:
    """Yield the conflicts of the file; raises KnowledgeError for a name that leads nowhere."""
    known = {
        "causes": ("cause", causes),
        "regimens": ("regimen", regimens),
        "plan_injects": ("drug", drugs),
        "rules": ("status rule", {rule.id for rule in RULES}),
    }
    voices = file.content.voices
    for place, line in enumerate(file.content.conflicts):
        path: Place = ("conflicts", place)
        for name in line.positions:
            if name not in protocols and name not in voices:
                wrong = f"{name} is neither a protocol nor one of the voices: {', '.join([*protocols, *voices])}"
                raise file.error((*path, "positions", name), wrong)
        for nth, when in enumerate(line.when):
            for key, (kind, names) in known.items():
                for name in getattr(when, key):
                    if name not in names:
                        raise file.error((*path, "when", nth), unknown(kind, name, names))
        yield Conflict(
            id=line.id,
            topic=line.topic,
            positions=MappingProxyType({n: f"{p.says} ({p.cite.letter.value})" for n, p in line.positions.items()}),
            when=tuple(_matter(when) for when in line.when),
        )


def _matter(when: shape.ConflictWhen) -> Matter:
    """Return one kind of patient, with only the tests that its line gives."""
    given = {key: value for key, value in when if key != "statuses" and value}
    tests = tuple((key, frozenset(value) if isinstance(value, list) else frozenset()) for key, value in given.items())
    return Matter(frozenset(when.statuses) or _EXPLAINED, tuple(sorted(tests, key=lambda t: list(TESTS).index(t[0]))))
