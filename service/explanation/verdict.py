"""Why this status and these causes: the rules in order, each run again, and the evidence on both sides."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.assess import RULES, Case, Rule
from service.domain.cause import Attribution
from service.domain.decision import Decision
from service.domain.doubts import against
from service.domain.protocol import Book
from service.domain.terms import IRREVERSIBLE, Status
from service.explanation.facts import Facts, Sources
from service.explanation.looks import asked_by, look
from service.explanation.trace import CauseSeen, TriedRule, Verdict


def verdict(decision: Decision, book: Book, facts: Facts, sources: Sources) -> Verdict:
    """Return the status with every rule that was tried, up to the one that fired."""
    case = Case(decision.evidence, decision.assessment.named)
    tried = tuple(_tried(case, book, facts, sources))
    return Verdict(
        status=decision.assessment.status.value,
        rule=decision.assessment.rule.id,
        start_now=decision.assessment.start_now,
        start_because=_start(decision),
        tried=tried,
        not_reached=tuple(dict.fromkeys(rule.id for rule in RULES[len(tried) :])),
    )


def _tried(case: Case, book: Book, facts: Facts, sources: Sources) -> Iterator[TriedRule]:
    for rule in RULES:
        fired, asked = asked_by(rule, case)
        yield _seen(rule, fired, asked, case, book, facts, sources)
        if fired:
            return


def _seen(
    rule: Rule, fired: bool, asked: tuple[str, ...], case: Case, book: Book, facts: Facts, sources: Sources
) -> TriedRule:
    return TriedRule(
        id=rule.id,
        says=rule.says,
        status=rule.status.value,
        fired=fired,
        looks=tuple(look(name, case, facts, sources) for name in asked),
        cite=sources.of(book.wording.cites[rule.id]),
    )


def _start(decision: Decision) -> str:
    """Return in words why treatment starts now, or why it waits."""
    evidence, judged = decision.evidence, decision.assessment
    if judged.prevention:
        return "surgery that will cost B12, nothing confirmed and no therapy: prevention"
    if judged.status is Status.CONFIRMED:
        return "confirmed: always"
    if judged.status is not Status.INDETERMINATE:
        return f"{judged.status.value}: never"
    reasons = {
        "attributable neurology": evidence.neurological,
        "severe anaemia": evidence.severe_anaemia,
        "an irreversible cause": any(a.cause.mechanism in IRREVERSIBLE for a in judged.named.found),
        "a symptomatic pregnancy": bool(evidence.pregnant) and evidence.any_symptom,
    }
    present = [words for words, here in reasons.items() if here]
    if judged.start_now:
        return f"not settled, but {' and '.join(present)}"
    return f"not settled, and {', '.join(present)} does not press here" if present else "not settled: tests first"


def causes(decision: Decision, facts: Facts, sources: Sources) -> tuple[CauseSeen, ...]:
    """Return every cause: the deciding one, the others, those found but not needed, and medicines not blamed."""
    judged = decision.assessment
    counted = {a.cause.id for a in judged.causes}
    seen = [
        _cause(a, "also" if place else "deciding", decision, facts, sources) for place, a in enumerate(judged.causes)
    ]
    seen += [
        _cause(a, "found, nothing to explain", decision, facts, sources)
        for a in judged.named.found
        if a.cause.id not in counted
    ]
    for past in judged.named.named:
        seen.append(
            CauseSeen(
                id=past.cause.id,
                title=past.exposure.concept.title,
                mechanism=past.cause.mechanism.value,
                certainty=None,
                part="named, not blamed",
                why=(past.why,),
                evidence=facts.of([past.exposure.resource]),
                against=(),
                cite=sources.of(past.cause.cite),
            )
        )
    return tuple(seen)


def _cause(attribution: Attribution, part: str, decision: Decision, facts: Facts, sources: Sources) -> CauseSeen:
    cause = attribution.cause
    return CauseSeen(
        id=cause.id,
        title=cause.title,
        mechanism=cause.mechanism.value,
        certainty=attribution.certainty.value,
        part=part,
        why=attribution.why,
        evidence=facts.of(attribution.basis),
        against=facts.of(r.resource for r in against(decision.evidence, attribution)),
        cite=sources.of(cause.cite),
    )
