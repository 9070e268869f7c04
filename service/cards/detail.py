"""The detail of a card: what was found, why this cause, the plan, what is not known, what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.cards.plan import plan
from service.cards.text import bullets, capital, day, escaped, line, listed, title_of
from service.domain.cause import Attribution
from service.domain.decision import Decision
from service.domain.notices import contradicting, old_low
from service.domain.protocol import Book
from service.domain.record import Result
from service.domain.results import Aside
from service.domain.terms import Certainty, Letter, Mechanism, Modifier, Notice, Role, Status

_LETTERS = {
    Letter.VERBATIM: "read verbatim",
    Letter.SECONDARY: "read in a secondary page",
    Letter.MEMORY: "from memory or by design",
}
_CERTAINTY = {Certainty.ESTABLISHED: "", Certainty.PROBABLE: " (probable)", Certainty.POSSIBLE: " (possible)"}
#: Notices that another block of the card already says.
_SAID_ELSEWHERE = frozenset({Notice.PLAN, Notice.DATA, Notice.NOT_DEFICIENT, Notice.WORKUP_FBC})
_TOLD = tuple(notice for notice in Notice if notice not in _SAID_ELSEWHERE)
_ASKING = tuple(n.value for n in _TOLD if n.startswith("workup") or n in (Notice.ASSAY, Notice.ETHNICITY))
_TAKING_CARE = tuple(n.value for n in _TOLD if n.value not in _ASKING)


@dataclass(frozen=True, slots=True)
class Common:
    """The blocks that both cards have."""

    found: str
    cause: str
    unknown: str
    basis: str


def common(decision: Decision, book: Book) -> Common:
    """Return the blocks that both cards have."""
    return Common(
        found=line("Found", _found(decision)),
        cause=line("Cause", _cause(decision)),
        unknown=bullets("Not known", _unknown(decision)),
        basis=line("Basis", _basis(decision, book)),
    )


def treatment(decision: Decision, book: Book, both: Common) -> str:
    """Return the detail of the treatment card."""
    blocks = [
        both.found,
        both.cause,
        *plan(decision, book),
        bullets("Take care", _care(decision, book)),
        both.unknown,
        bullets("Guidelines differ", _conflicts(decision, book)),
        both.basis,
    ]
    return "\n\n".join(block for block in blocks if block)


def workup(decision: Decision, book: Book, both: Common, *, alone: bool) -> str:
    """Return the detail of the work-up card; alone, it also says what the treatment card would have said."""
    tests = [i.title for i in decision.investigations]
    blocks = [
        both.found,
        both.cause if alone else "",
        bullets("Ask for", tests),
        bullets("Why", _called_for(decision, book)),
        bullets("Take care", _care(decision, book)) if alone else "",
        both.unknown,
        bullets("Guidelines differ", _conflicts(decision, book)) if alone else "",
        both.basis,
    ]
    return "\n\n".join(block for block in blocks if block)


def result(found: Result, title: str) -> str:
    """Return a result as people read it: name, value with unit, date."""
    return f"{title} {escaped(found.shown)} ({day(found.taken.latest)})"


def _found(decision: Decision) -> str:
    lines = [result(r, title_of(r, decision.tests)) for r in decision.assessment.basis]
    lines += dict.fromkeys(p.concept.title for p in decision.evidence.neurology)
    said = capital(decision.assessment.rule.says)
    return f"{'; '.join(lines)}. {said}" if lines else said


def _cause(decision: Decision) -> str:
    causes = decision.assessment.causes
    if not causes:
        return ""
    text = capital("; also ".join(_attributed(a) for a in causes))
    notes = [n for a in causes for n in (a.cause.limitation, a.cause.treat, a.cause.ask) if n]
    notes += [
        f"{m.exposure.concept.title} is on record ({m.why}) and not blamed." for m in decision.assessment.named.named
    ]
    return " ".join([text, *dict.fromkeys(notes)])


def _attributed(attribution: Attribution) -> str:
    cause = attribution.cause
    if cause.mechanism in (Mechanism.UNDETERMINED, Mechanism.INCREASED_REQUIREMENT):
        return cause.title
    why = [w for w in attribution.why if w != cause.title]
    return f"{cause.title}{_CERTAINTY[attribution.certainty]}{f', by {listed(why)}' if why else ''}"


def _called_for(decision: Decision, book: Book) -> Iterator[str]:
    """Yield the sentences of the notices that ask for tests."""
    noticed, sentences = frozenset(decision.notices), book.wording.sentences
    return (sentences[notice] for notice in _ASKING if notice in noticed and notice in sentences)


def _care(decision: Decision, book: Book) -> Iterator[str]:
    """Yield the sentences of all other notices, and of what the plan and the rule need said."""
    noticed, wording = frozenset(decision.notices), book.wording
    for notice in _TAKING_CARE:
        if notice in noticed and notice in wording.sentences:
            referred = notice == Notice.URGENT_NEURO and not decision.schedules
            yield wording.phrases["neurology-without-plan"] if referred else wording.sentences[notice]
    rule = decision.assessment.rule.id
    if rule in wording.rules and (rule != "K13" or decision.assessment.status is Status.CONFIRMED):
        yield wording.rules[rule]
    if decision.plan.replaces_therapy and decision.schedules:
        yield wording.phrases["tablets-replaced"]
    if Notice.RESPONSE.value in decision.notices:
        active = dict.fromkeys(e.concept.id for e in decision.evidence.therapy.active)
        yield from (decision.protocol.shorter[drug] for drug in active if drug in decision.protocol.shorter)
    if decision.unsafe:
        allergy = Modifier.COBALAMIN_ALLERGY in decision.modifiers
        yield wording.phrases["unsafe-allergy" if allergy else "unsafe-leber"]


def _unknown(decision: Decision) -> Iterator[str]:
    evidence, record = decision.evidence, decision.evidence.record
    if evidence.age is None:
        yield "Age: no birth date that can be read."
    if evidence.renal is None and (evidence.mma is not None or evidence.homocysteine is not None):
        yield "Kidney function: counted as normal."
    if not evidence.any_symptom and decision.assessment.status is not Status.OUT_OF_SCOPE:
        yield "Symptoms: none is coded, some are in words." if evidence.symptoms else "Symptoms: none is coded."
    if evidence.possible_neurology:
        names = listed(dict.fromkeys(p.concept.title for p in evidence.possible_neurology))
        yield f"Is {names} new or worse? It may be a sign."
    if any(record.active_problems(Role.INHALANT_USE)) and not evidence.misuse:
        yield "Inhalant use is coded: is it nitrous oxide?"
    for other, why in evidence.set_aside:
        if other not in decision.assessment.basis and (why is not Aside.OLD or other is old_low(evidence)):
            yield f"Not used: {escaped(other.shown)} ({day(other.taken.latest)}), {why.value}."
    for other in contradicting(evidence):
        yield f"Disagrees: {escaped(other.shown)} ({day(other.taken.latest)})."
    for unreadable in record.unreadable:
        yield f"{escaped(unreadable.resource)} could not be used: {escaped(unreadable.why)}."
    for key in record.unchecked:
        yield f"Not checked: {escaped(key)}."


def _conflicts(decision: Decision, book: Book) -> Iterator[str]:
    disputed = {notice for notice in decision.notices if notice.startswith("conflict-")}
    if not disputed:
        return
    for conflict in book.conflicts:
        if f"conflict-{conflict.id.lower()}" in disputed:
            others = [f"{name}: {words}" for name, words in conflict.positions.items() if name != decision.protocol.id]
            yield f"{conflict.topic[:1].upper()}{conflict.topic[1:]}: {'; '.join(others)}."


def _basis(decision: Decision, book: Book) -> str:
    protocol = decision.protocol
    letter = _LETTERS[protocol.cite.letter]
    reviewer = protocol.reviewer
    reviewed = f"reviewed by {reviewer}" if reviewer else "no clinician has reviewed this rule set"
    bands = protocol.citations.get("bands.b12")
    lines = f"; its B12 lines {_LETTERS[bands.letter]}" if bands and bands.letter is not protocol.cite.letter else ""
    return (
        f"{protocol.title}, rule {decision.assessment.rule.id}, {letter}{lines}. "
        f"{capital(reviewed)} ({protocol.id} {protocol.version}, {book.version})"
    )
