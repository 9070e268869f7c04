"""The detail of a card: what was found, why this cause, the plan, what is not known, what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from msgspec import Struct

from service.cards.course import course
from service.cards.others import others
from service.cards.plan import plan
from service.cards.remarks import remarks
from service.cards.text import bullets, capital, day, escaped, line, listed, title_of
from service.cards.therapy import on_record
from service.domain.cause import Attribution
from service.domain.decision import Decision
from service.domain.dispute import Conflict
from service.domain.doubts import against, not_used, old_low, without_band
from service.domain.evidence import medical_gas
from service.domain.intervals import may_be_shorter
from service.domain.protocol import Book, Protocol
from service.domain.record import Result, months_before
from service.domain.response import Verdict
from service.domain.results import Aside
from service.domain.terms import Analyte, Certainty, Letter, Mechanism, Modifier, Notice, Role, Status
from service.domain.workup import prompts, risk_problems

_LETTERS = {
    Letter.VERBATIM: "read verbatim",
    Letter.SECONDARY: "read in a secondary page",
    Letter.MEMORY: "from memory or by design",
}
_CERTAINTY = {Certainty.ESTABLISHED: "", Certainty.PROBABLE: " (probable)", Certainty.POSSIBLE: " (possible)"}
#: What is sent first, while no B12 counts.
_FIRST = (Notice.WORKUP_B12, Notice.WORKUP_ACTIVE)
#: Nothing is said of one of these whose test is back.
_OF_ONE_TEST: Mapping[str, Analyte] = MappingProxyType(
    {Notice.WORKUP_MMA: Analyte.MMA, Notice.WORKUP_HCY: Analyte.HOMOCYSTEINE}
)
#: Notices that another block of the card already says.
_SAID_ELSEWHERE = frozenset({Notice.PLAN, Notice.DATA, Notice.NOT_DEFICIENT, Notice.WORKUP_FBC})
_TOLD = tuple(notice for notice in Notice if notice not in _SAID_ELSEWHERE)
_ASKING = tuple(n.value for n in _TOLD if n.startswith("workup") or n in (Notice.ASSAY, Notice.ETHNICITY))
_TAKING_CARE = tuple(n.value for n in _TOLD if n.value not in _ASKING)


class Common(Struct, frozen=True):
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
        unknown=bullets("Not known", [*_unknown(decision, book), *remarks(decision, book)]),
        basis=line("Basis", _basis(decision, book)),
    )


def treatment(decision: Decision, book: Book, both: Common) -> str:
    """Return the detail of the treatment card; on treatment it also asks for tests."""
    on_treatment = decision.assessment.status is Status.ON_TREATMENT
    blocks = [
        both.found,
        both.cause,
        on_record(decision, book),
        bullets("How it goes", course(decision, book)),
        bullets("Ask for", [i.title for i in decision.investigations] if on_treatment else ()),
        *plan(decision, book),
        bullets("Take care", _care(decision, book)),
        both.unknown,
        bullets("Guidelines differ", _differences(decision, book)),
        both.basis,
    ]
    return "\n\n".join(block for block in blocks if block)


def workup(decision: Decision, book: Book, both: Common, *, alone: bool) -> str:
    """Return the detail of the work-up card; alone, it also says what the treatment card would have said."""
    tests = [i.title for i in decision.investigations]
    blocks = [
        both.found,
        both.cause if alone else "",
        on_record(decision, book) if alone else "",
        bullets("Ask for", tests),
        bullets("Why", _called_for(decision, book)),
        bullets("Take care", _care(decision, book)) if alone else "",
        both.unknown,
        bullets("Guidelines differ", _differences(decision, book)) if alone else "",
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
    notes += _medical_gas(decision)
    risks = listed(dict.fromkeys(p.concept.title for p in risk_problems(decision.evidence)))
    if risks and decision.assessment.mechanism is Mechanism.UNDETERMINED:
        notes.append(f"On record as a risk: {risks}.")
    return " ".join([text, *dict.fromkeys(notes)])


def _medical_gas(decision: Decision) -> Iterator[str]:
    """Yield the last medical use of nitrous oxide that is not blamed; long ago it is no longer news."""
    evidence = decision.evidence
    if evidence.gas:
        return
    oldest = months_before(evidence.today, evidence.protocol.limits.misuse_months)
    last = max((days.latest for _, days in medical_gas(evidence.record, evidence.today)), default=None)
    if last is not None and last >= oldest:
        yield f"Nitrous oxide was given as a medicine on {day(last)} and is not blamed."


def _attributed(attribution: Attribution) -> str:
    cause = attribution.cause
    if cause.mechanism in (Mechanism.UNDETERMINED, Mechanism.INCREASED_REQUIREMENT):
        return cause.title
    why = [w for w in attribution.why if w != cause.title]
    return f"{cause.title}{_CERTAINTY[attribution.certainty]}{f', by {listed(why)}' if why else ''}"


def _called_for(decision: Decision, book: Book) -> Iterator[str]:
    """Yield the sentences of the notices that ask for tests; for a first B12 with what calls for it."""
    noticed, sentences = frozenset(decision.notices), book.wording.sentences
    asked = {None, *(analyte for test in decision.investigations for analyte in test.analytes)}
    for notice in _ASKING:
        if notice not in noticed or notice not in sentences or _OF_ONE_TEST.get(notice) not in asked:
            continue
        if notice == Notice.WORKUP_B12 and without_band(decision.evidence):
            yield book.wording.phrases["b12-without-line"]
        elif notice == Notice.WORKUP_ACTIVE and not decision.evidence.pregnant:
            yield book.wording.phrases["active-b12-kidneys"]
        elif notice in _FIRST and decision.assessment.status is Status.UNKNOWN:
            yield _because(sentences[notice], decision)
        else:
            yield sentences[notice]
    if Notice.ASSAY in noticed:
        yield book.wording.phrases["assay-biotin"]


def _because(sentence: str, decision: Decision) -> str:
    why = list(prompts(decision.evidence, decision.assessment))
    forgotten = old_low(decision.evidence)
    if forgotten is not None:
        why.append(f"{result(forgotten, title_of(forgotten, decision.tests))}, never followed")
    return f"{sentence.rstrip('.')}: {', '.join(why)}." if why else sentence


def _care(decision: Decision, book: Book) -> Iterator[str]:
    """Yield the sentences of all other notices, and of what the plan and the rule need said."""
    noticed, wording = frozenset(decision.notices), book.wording
    for notice in _TAKING_CARE:
        if notice in noticed and notice in wording.sentences:
            yield from _caring(notice, decision, book)
    yield from _with_the_plan(decision, book)
    rule = decision.assessment.rule.id
    if rule in wording.rules and (rule != "K13" or decision.assessment.status is Status.CONFIRMED):
        yield wording.rules[rule]
    if decision.plan.replaces_therapy and decision.schedules:
        yield wording.phrases["tablets-replaced"]
    poor = decision.response is not None and decision.response.verdict is Verdict.POOR
    if rule == "K5t" or poor:
        protocol, mechanism = decision.protocol, decision.assessment.mechanism
        room = [e for e in decision.evidence.therapy.active if may_be_shorter(protocol, e, mechanism)]
        drugs = dict.fromkeys(e.concept.id for e in room)
        yield from (protocol.shorter[drug] for drug in drugs if drug in protocol.shorter)
    if decision.unsafe:
        allergy = Modifier.COBALAMIN_ALLERGY in decision.modifiers
        yield wording.phrases["unsafe-allergy" if allergy else "unsafe-leber"]


def _caring(notice: str, decision: Decision, book: Book) -> Iterator[str]:
    """Yield what one notice says, and what belongs to it."""
    sentence, says, evidence = book.wording.sentences[notice], book.wording.phrases, decision.evidence
    match notice:
        case Notice.URGENT_NEURO if not decision.schedules:
            yield says["neurology-without-plan"]
        case Notice.SAFETY_RENAL if evidence.mma_alone is None and evidence.homocysteine_alone is None:
            pass  # There is no marker to mislead.
        case Notice.SAFETY_ALLERGY:
            yield from (sentence, says["allergy-test-dose"], says["allergy-excipient"])
        case _:
            yield sentence


def _with_the_plan(decision: Decision, book: Book) -> Iterator[str]:
    """Yield what the recommended plan needs said in this patient."""
    if not decision.schedules:
        return
    option, _ = decision.schedules[0]
    found, says = decision.modifiers, book.wording.phrases
    pressing = Modifier.NEUROLOGICAL in found or Modifier.SEVERE_ANAEMIA in found
    if pressing and option.regimen.pressing is not None:
        yield option.regimen.pressing
    if option.route.injected and Modifier.RENAL_IMPAIRMENT in found:
        yield says["renal-injection"]
    if option.route.injected and Modifier.BREASTFEEDING in found:
        yield says["preservative-free"]


def _unknown(decision: Decision, book: Book) -> Iterator[str]:
    evidence, record, says = decision.evidence, decision.evidence.record, book.wording.phrases
    if evidence.age is None:
        yield "Age: no birth date that can be read."
    if not evidence.any_symptom and decision.assessment.status is not Status.OUT_OF_SCOPE:
        yield "Symptoms: none is coded, some are in words." if evidence.symptoms else "Symptoms: none is coded."
    if evidence.possible_neurology:
        names = listed(dict.fromkeys(p.concept.title for p in evidence.possible_neurology))
        yield f"Is {names} new or worse? It may be a sign."
    if any(record.active_problems(Role.INHALANT_USE)) and not evidence.misuse:
        yield "Inhalant use is coded: is it nitrous oxide?"
    if any(record.active_problems(Role.INHALED_ANAESTHETIC)) and not evidence.gas:
        yield "An inhaled anaesthetic is coded: was it nitrous oxide?"
    yield from _doubts(decision, says)
    for unreadable in record.unreadable:
        yield f"{escaped(unreadable.resource)} could not be used: {escaped(unreadable.why)}."
    for key in record.unchecked:
        yield f"Not checked: {escaped(key)}."


def _doubts(decision: Decision, says: Mapping[str, str]) -> Iterator[str]:
    """Yield the results that were not used, those that disagree, and those that speak against a cause."""
    evidence, tests = decision.evidence, decision.tests
    for other, why in not_used(evidence, decision.assessment):
        yield f"Not used: {result(other, title_of(other, tests))}, {why.value}."
        if other.analyte is Analyte.INTRINSIC_FACTOR_ANTIBODY and why is Aside.AFTER_INJECTION:
            yield says["antibody-again"]
    for other in decision.contradicting:
        yield f"Disagrees: {result(other, title_of(other, tests))}."
    for attribution in decision.assessment.causes:
        for other in against(evidence, attribution):
            yield f"Speaks against {attribution.cause.title}: {result(other, title_of(other, tests))}."


def _differences(decision: Decision, book: Book) -> Iterator[str]:
    """Yield what other protocols would do with this patient, then where guidelines differ on such patients."""
    here = others(decision, book)
    if here:
        yield here
    yield from _conflicts(decision, book)


def _conflicts(decision: Decision, book: Book) -> Iterator[str]:
    by_notice = _by_notice(book.conflicts)
    for notice in decision.notices:
        if notice in by_notice:
            yield _difference(by_notice[notice], decision.protocol.id)


@cache
def _by_notice(conflicts: tuple[Conflict, ...]) -> dict[str, Conflict]:
    return {f"conflict-{conflict.id.lower()}": conflict for conflict in conflicts}


@cache
def _difference(conflict: Conflict, own: str) -> str:
    """Return one conflict in one line: what the others say, those who agree together."""
    voices: dict[str, list[str]] = {}
    for name, words in conflict.positions.items():
        if name != own:
            voices.setdefault(words, []).append(name)
    said = "; ".join(f"{listed(who)}: {words}" for words, who in voices.items())
    return f"{capital(conflict.topic).rstrip('.')}: {said}."


def _basis(decision: Decision, book: Book) -> str:
    protocol = decision.protocol
    letter = _LETTERS[protocol.cite.letter]
    bands = protocol.citations.get("bands.b12")
    lines = f"; its B12 lines {_LETTERS[bands.letter]}" if bands and bands.letter is not protocol.cite.letter else ""
    return (
        f"{protocol.title}, rule {decision.assessment.rule.id}, {letter}{lines}. "
        f"{capital(_reviewed(protocol))} ({protocol.id} {protocol.version}, {book.version})"
    )


def _reviewed(protocol: Protocol) -> str:
    signed = protocol.sign_off
    if signed is not None and signed.is_current:
        return f"signed off by {escaped(signed.by)} on {day(signed.on)}"
    if signed is not None:
        return (
            f"the sign-off by {escaped(signed.by)} on {day(signed.on)} is outdated: the protocol has changed since, "
            "and no clinician has reviewed it as it is"
        )
    if protocol.reviewer:
        return f"reviewed by {protocol.reviewer}"
    return "no clinician has reviewed this rule set"
