"""From mappings/quieting.yaml to the table of the Book; every reason that a card offers has its line."""

from __future__ import annotations

from types import MappingProxyType

from service.domain.quiet_rules import Quieting, Rule
from service.knowledge import schema as shape
from service.knowledge.files import Read


def quieting_of(file: Read[shape.QuietingFile], offered: shape.ReasonsLine) -> Quieting:
    """Return the table; raises KnowledgeError when a reason that cards offer is of another system or missing."""
    content = file.content
    if offered.system != content.system:
        raise file.error(("system",), f"cards offer reasons of {offered.system}, not of {content.system}")
    for reason in offered.codes:
        if reason.code not in content.reasons:
            raise file.error(("reasons",), f"cards offer the reason {reason.code}, and there is no line for it")

    def rule(line: shape.QuietLine) -> Rule:
        return Rule(content.periods[line.period].days, line.who, frozenset(line.until))

    return Quieting(
        system=content.system,
        results=frozenset(content.results),
        accepted=rule(content.accepted),
        unexplained=rule(content.unexplained),
        reasons=MappingProxyType({code: rule(line) for code, line in content.reasons.items()}),
    )
