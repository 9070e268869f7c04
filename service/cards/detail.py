"""The detail of a card: what was found, why this cause, why this route, the plan, what is not known, the basis."""

from __future__ import annotations

from collections.abc import Iterator

from service.cards.text import capital, day, escaped, listed
from service.domain.decision import Decision
from service.domain.notices import contradicting, old_low
from service.domain.orders import Schedule
from service.domain.protocol import Book
from service.domain.recommend import Option
from service.domain.record import Result
from service.domain.results import Aside
from service.domain.terms import Certainty, Duration, Letter, Modifier, Notice, PhaseName, Status

_LETTERS = {
    Letter.VERBATIM: "read verbatim",
    Letter.SECONDARY: "read in a secondary page",
    Letter.MEMORY: "from memory or by design",
}
_DURATION = {
    Duration.LIFELONG: "for life",
    Duration.WHILE_CAUSE_PERSISTS: "while the cause lasts",
    Duration.UNTIL_REVIEW: "until the review decides",
    Duration.SPECIALIST: "as the specialist decides",
}
_CERTAINTY = {Certainty.ESTABLISHED: "", Certainty.PROBABLE: " (probable)", Certainty.POSSIBLE: " (possible)"}
#: Notices that the plan, the work-up list or the summary already says.
_SAID_ELSEWHERE = frozenset({Notice.PLAN, Notice.DATA, Notice.NOT_DEFICIENT, Notice.WORKUP_FBC, Notice.WORKUP_CAUSE})


def treatment(decision: Decision, book: Book) -> str:
    """Return the detail of the treatment card."""
    blocks = [
        _line("Found", _found(decision)),
        _line("Cause", _cause(decision)),
        *_plan(decision),
        _bullets("Take care", _care(decision, book)),
        _bullets("Not known", _unknown(decision)),
        _bullets("Guidelines differ", _conflicts(decision, book)),
        _line("Basis", _basis(decision, book)),
    ]
    return "\n\n".join(block for block in blocks if block)


def workup(decision: Decision, book: Book) -> str:
    """Return the detail of the work-up card."""
    tests = [i.title for i in decision.investigations]
    blocks = [
        _line("Found", _found(decision)),
        _bullets("Ask for", iter(tests)),
        _bullets("Why", _care(decision, book, only_workup=True)),
        _bullets("Not known", _unknown(decision)),
        _line("Basis", _basis(decision, book)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _line(title: str, text: str) -> str:
    return f"**{title}:** {text}" if text else ""


def _bullets(title: str, lines: Iterator[str]) -> str:
    kept = list(dict.fromkeys(lines))
    return "\n".join([f"**{title}**", "", *(f"- {line}" for line in kept)]) if kept else ""


def result(found: Result, title: str) -> str:
    """Return a result as people read it: name, value with unit, date."""
    return f"{title} {escaped(found.shown)} ({day(found.taken.latest)})"


def _found(decision: Decision) -> str:
    titles = {test.analyte: test.title for test in decision.tests}
    lines = [result(r, titles[r.analyte]) for r in decision.assessment.basis]
    signs = dict.fromkeys(p.concept.title for p in decision.evidence.neurology)
    lines += list(signs)
    said = capital(decision.assessment.rule.says)
    return f"{'; '.join(lines)}. {said}" if lines else said


def _cause(decision: Decision) -> str:
    causes = decision.assessment.causes
    if not causes:
        return ""
    parts = []
    for attribution in causes:
        why = listed(attribution.why)
        title = attribution.cause.title + _CERTAINTY[attribution.certainty]
        parts.append(f"{title}, by {why}" if why and why != attribution.cause.title else title)
    text = capital("; also ".join(parts))
    notes = [n for a in causes for n in (a.cause.limitation, a.cause.treat, a.cause.ask) if n]
    notes += [
        f"{escaped(m.exposure.concept.title)} is on record ({m.why}) and not blamed."
        for m in decision.assessment.named.named
    ]
    return " ".join([text, *dict.fromkeys(notes)])


def _plan(decision: Decision) -> Iterator[str]:
    plan = decision.plan
    if plan.none_because is not None:
        yield _line("No order is proposed", capital(plan.none_because))
        return
    row = decision.protocol.table.get(plan.row or "")
    if decision.schedules and row is not None and row.why is not None:
        why = [capital(row.why)]
        if decision.schedules[0][0].bridge_to is not None:
            why.append("Bleeding risk: tablets bridge until INR and platelets are in range, then the injection.")
        yield _line("Why this route", " ".join(why))
    for option, dated in decision.schedules:
        yield _option(option, dated, decision)
    drafts = decision.evidence.therapy.drafts
    if drafts:
        waiting = listed(draft.resource for draft in drafts)
        yield _line("Draft pending", f"{waiting} is not signed yet; nothing is proposed beside it.")


def _option(option: Option, dated: Schedule, decision: Decision) -> str:
    title = "Recommended" if option.recommended else "Or"
    route = f"{option.regimen.title}, {_route(option)}"
    phases = list(zip(option.steps, option.drugs, dated.starts, strict=True))
    lines = []
    for phase in PhaseName:
        words = []
        for step, (drug, _), start in phases:
            if step.phase is not phase:
                continue
            when = f" from {day(start)}" if start else f" ({step.begins_if})" if step.begins_if else ""
            other = f"{drug} " if drug != option.regimen.drug else ""
            words.append(f"{other}{step.text}{when}")
        name = "Repletion" if phase is PhaseName.REPLETION else "Maintenance"
        if phase is PhaseName.MAINTENANCE and option.then_words:
            words.append(option.then_words)
        if words:
            duration = decision.plan.duration if phase is PhaseName.MAINTENANCE else None
            lasts = f"; {_DURATION[duration]}" if duration else ""
            lines.append(f"- {name}: {'; '.join(words)}{lasts}")
    if option.recommended:
        lines.append(f"- Watch: {'; '.join(_watch(option, decision))}")
    notes = [n for n in (off_label(option), immeasurable(dated)) if n]
    lines += [f"- {note}" for note in notes]
    return "\n".join([f"**{title}:** {route}", "", *lines])


def _route(option: Option) -> str:
    names = {"subcutaneous": "deep subcutaneous"}
    return names.get(option.route.value, option.route.value)


def off_label(option: Option) -> str | None:
    """Return the words for a route outside the licence."""
    return "Deep subcutaneous use of hydroxocobalamin is off-label." if option.off_label else None


def immeasurable(dated: Schedule) -> str | None:
    """Return the words for a volume too small to measure."""
    if any(order.immeasurable for order in dated.orders):
        return "The volume is under 0.05 mL: it cannot be measured reliably with this product."
    return None


def _watch(option: Option, decision: Decision) -> Iterator[str]:
    watch = decision.protocol.monitoring
    yield from watch["injected" if option.regimen.injected else "tablets"]
    if decision.evidence.pregnant or decision.evidence.breastfeeding:
        yield from watch["pregnant"]
    yield decision.protocol.response


def _care(decision: Decision, book: Book, *, only_workup: bool = False) -> Iterator[str]:
    for notice in Notice:
        if notice.value not in decision.notices or notice in _SAID_ELSEWHERE:
            continue
        asks = notice.value.startswith("workup") or notice in (Notice.ASSAY, Notice.ETHNICITY)
        if asks is only_workup and notice.value in book.wording.sentences:
            yield book.wording.sentences[notice.value]
    if not only_workup and decision.plan.replaces_therapy and decision.plan.options:
        yield "The tablets or spray on record are replaced, never added to."
    if only_workup and decision.assessment.rule.id == "K8p":
        yield "Treatment may be given elsewhere and not be on this record."


def _unknown(decision: Decision) -> Iterator[str]:
    evidence = decision.evidence
    if evidence.age is None:
        yield "Age: no birth date that can be read."
    markers = evidence.mma is not None or evidence.homocysteine is not None
    if evidence.renal is None and markers:
        yield "Kidney function: counted as normal."
    if not evidence.any_symptom and decision.assessment.status is not Status.OUT_OF_SCOPE:
        yield "Symptoms: none is coded."
    if evidence.possible_neurology:
        names = listed(dict.fromkeys(p.concept.title for p in evidence.possible_neurology))
        yield f"Is {names} new or worse? It may be a sign."
    if decision.assessment.rule.id == "K13":
        yield "No usable result: the recorded diagnosis decides; treatment given elsewhere may not be on this record."
    if any(p.active for p in evidence.record.problems if "inhalant-use" in p.concept.roles) and not evidence.misuse:
        yield "Inhalant use is coded: is it nitrous oxide?"
    for old, why in evidence.set_aside:
        if why is not Aside.OLD or old is old_low(evidence):
            yield f"Not used: {escaped(old.shown)} ({day(old.taken.latest)}), {why.value}."
    for other in contradicting(evidence):
        yield f"Disagrees: {escaped(other.shown)} ({day(other.taken.latest)})."
    for unreadable in evidence.record.unreadable:
        yield f"{escaped(unreadable.resource)} could not be used: {escaped(unreadable.why)}."
    for key in evidence.record.unchecked:
        yield f"Not checked: {escaped(key)}."


def _conflicts(decision: Decision, book: Book) -> Iterator[str]:
    for conflict in book.conflicts:
        if f"conflict-{conflict.id.lower()}" in decision.notices:
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


def modifier_words(decision: Decision) -> str | None:
    """Return the one modifier that a summary must name."""
    for modifier, words in (
        (Modifier.NEUROLOGICAL, "with neurology"),
        (Modifier.SEVERE_ANAEMIA, "with severe anaemia"),
    ):
        if modifier in decision.modifiers:
            return words
    return None
