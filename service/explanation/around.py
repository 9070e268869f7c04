"""What stands around the plan, and what raised it: modifiers, notices, conflicts, and what other protocols answer."""

from __future__ import annotations

from service.domain.conflicts import disputed
from service.domain.decision import Decision
from service.domain.elsewhere import elsewhere
from service.domain.notices import BY_RULE, raised
from service.domain.protocol import Book
from service.domain.situation import CHANGING
from service.domain.terms import Modifier
from service.explanation.facts import Facts
from service.explanation.trace import ConflictSeen, ElsewhereSeen, ModifierSeen, NoticeSeen


def modifiers(decision: Decision, facts: Facts) -> tuple[ModifierSeen, ...]:
    """Return each modifier with what shows it."""
    return tuple(
        ModifierSeen(id=modifier.value, changes_plan=modifier in CHANGING, findings=facts.of(basis))
        for modifier, basis in decision.modifiers.present.items()
    )


def notices(decision: Decision, book: Book, facts: Facts) -> tuple[NoticeSeen, ...]:
    """Return each notice of the vocabulary with what raised it, in the order of the decision."""
    because: dict[str, list[str]] = {}
    found = decision.modifiers
    for notice, why in raised(decision.evidence, decision.assessment, found, decision.plan, decision.contradicting):
        because.setdefault(notice.value, []).append(why)
    return tuple(
        NoticeSeen(
            id=name,
            because=tuple(dict.fromkeys(_words(why, decision) for why in because[name])),
            findings=facts.of(r for why in because[name] for r in _basis(why, decision)),
            says=book.wording.sentences.get(name),
        )
        for name in decision.notices
        if name in because
    )


def _words(why: str, decision: Decision) -> str:
    if why is BY_RULE:
        return f"rule {decision.assessment.rule.id}"
    return f"modifier {why}" if isinstance(why, Modifier) else why


def _basis(why: str, decision: Decision) -> tuple[str, ...]:
    if isinstance(why, Modifier):
        return decision.modifiers.present.get(why, ())
    return tuple(r.resource for r in decision.assessment.basis) if why is BY_RULE else ()


def disputes(decision: Decision, book: Book) -> tuple[ConflictSeen, ...]:
    """Return each conflict between guidelines that matters here, and why it does."""
    evidence, assessment = decision.evidence, decision.assessment
    return tuple(
        ConflictSeen(id=conflict.id, topic=conflict.topic, because=why, positions=dict(conflict.positions))
        for conflict, why in disputed(evidence, assessment, decision.modifiers, decision.plan, book)
    )


def others(decision: Decision, book: Book) -> tuple[ElsewhereSeen, ...]:
    """Return what each protocol that differs would answer."""
    return tuple(
        ElsewhereSeen(
            protocol=view.protocol.id,
            status=view.status.value,
            rule=view.rule,
            regimen=view.option.regimen.id if view.option else None,
            route=view.option.route.value if view.option else None,
            because=view.none_because,
        )
        for view in elsewhere(decision, book)
    )
