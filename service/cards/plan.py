"""The plan in words: why this route, what comes first, what follows, what is watched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from service.cards.text import bullets, capital, day, escaped, line, listed
from service.domain.decision import Decision
from service.domain.orders import Order, Schedule
from service.domain.protocol import Book, Step
from service.domain.recommend import Option
from service.domain.record import months_after
from service.domain.terms import Duration, Mechanism, Modifier, PhaseName

_DURATION = {
    Duration.LIFELONG: "for life",
    Duration.WHILE_CAUSE_PERSISTS: "while the cause lasts",
    Duration.UNTIL_REVIEW: "until the review decides",
    Duration.SPECIALIST: "as the specialist decides",
}
_PHASES = {PhaseName.REPLETION: "Repletion", PhaseName.MAINTENANCE: "Maintenance"}
_ROUTES = {"subcutaneous": "deep subcutaneous"}


class Remarks(NamedTuple):
    """What may have to be said of an order: a route outside the licence, a volume too small to measure."""

    off_label: str
    immeasurable: str


def plan(decision: Decision, book: Book) -> Iterator[str]:
    """Yield the blocks of the plan, or the one that says why there is none."""
    if decision.plan.none_because is not None:
        yield line("No order is proposed", escaped(capital(decision.plan.none_because)))
    if decision.schedules:
        yield line("Why this route", " ".join(_why(decision, book)))
    remarks, latest = remarks_of(book), _review(decision)
    for option, dated in decision.schedules:
        watched, reviewed = watch(option, decision), _reviewed(option, decision)
        yield _option(dated, decision.plan.duration, latest, watched, reviewed, remarks)
    drafts = decision.evidence.therapy.drafts
    if drafts:
        waiting = listed(f"{escaped(d.text)} ({escaped(d.resource)})" for d in drafts)
        yield line("Draft pending", f"{waiting} is not signed yet; nothing is proposed beside it.")


def _why(decision: Decision, book: Book) -> Iterator[str]:
    """Yield why the recommended route: the row's own reason, or the modifier that moved away from it."""
    option, _ = decision.schedules[0]
    row = decision.protocol.table[decision.plan.row or ""]
    says, found = book.wording.phrases, decision.modifiers
    usual = row.choices[0].regimen.id if row.choices else None
    if option.bridge_to is not None:
        yield says["why-bridge"]
    elif decision.assessment.rule.id == "K5t" and decision.plan.replaces_therapy:
        yield capital(says["why-not-enough"])
    elif option.regimen.id == usual and row.why is not None:
        yield capital(row.why)
    elif Modifier.LEBER in found:
        yield capital(says["why-leber"])
    elif Modifier.ADHERENCE in found or Modifier.SWALLOWING in found:
        yield capital(says["why-adherence"])
    elif row.why is not None:
        yield capital(row.why)


@lru_cache(maxsize=1024)
def _option(
    dated: Schedule,
    duration: Duration | None,
    latest: date,
    watch: tuple[str, ...],
    reviewed: tuple[str, ...],
    remarks: Remarks,
) -> str:
    """Return the block of an option, which nothing else of the patient changes."""
    option = dated.option
    title = "Recommended" if option.recommended else "Or"
    route = _ROUTES.get(option.route.value, option.route.value)
    lines = [*_phases(dated, duration, latest)]
    if option.recommended:
        lines.append(f"Watch: {'; '.join(watch)}")
        lines += [f"At each review: {words}" for words in reviewed]
    notes = dict.fromkeys(note for order in dated.orders for note in notes_of(option, order, remarks))
    return bullets(f"{title}: {option.regimen.title}, {route}", [*lines, *notes])


def _review(decision: Decision) -> date:
    """Return the day of the first review of a treatment that goes on."""
    evidence, limits = decision.evidence, decision.protocol.limits
    expecting = evidence.pregnant or evidence.breastfeeding
    return months_after(evidence.today, limits.review_months_pregnant if expecting else limits.review_months)


def _phases(dated: Schedule, duration: Duration | None, latest: date) -> Iterator[str]:
    option = dated.option
    ordered_to = {order.number: _ordered_to(order.end, latest) for order in dated.orders if order.open_ended}
    waits = {order.number: order.first_after for order in dated.orders}
    steps = list(enumerate(zip(option.steps, option.drugs, dated.starts, strict=True), 1))
    for phase, name in _PHASES.items():
        words = []
        for number, (step, (drug, _), start) in steps:
            if step.phase is phase:
                other = f"{drug} " if drug != option.regimen.drug else ""
                review = ordered_to.get(number, "")
                wait = f", the first {waits[number]} after the last of the course" if waits.get(number) else ""
                words.append(f"{_begins(step, start)}{other}{step.text}{wait}{review}")
        if phase is PhaseName.MAINTENANCE and option.then_words:
            words.append(option.then_words)
        if words:
            lasts = f"; {_DURATION[duration]}" if duration and phase is PhaseName.MAINTENANCE else ""
            yield f"{name}: {'; '.join(words)}{lasts}"


def _ordered_to(end: date, latest: date) -> str:
    """Return until when an open step is ordered; one of which no dose falls due before the review, for an interval."""
    return f" (ordered to the review on {day(end)})" if end <= latest else f" (one interval is ordered, to {day(end)})"


def _begins(step: Step, start: date | None) -> str:
    if start is not None:
        return f"from {day(start)}, "
    return f"{step.begins_if}, " if step.begins_if else "then "


def remarks_of(book: Book) -> Remarks:
    """Return the book's words for the remarks."""
    phrases = book.wording.phrases
    return Remarks(phrases["off-label"], phrases["immeasurable"])


def notes_of(option: Option, order: Order, remarks: Remarks) -> tuple[str, ...]:
    """Return what must be said of one order."""
    off_label = (remarks.off_label,) if option.off_label else ()
    return (*off_label, remarks.immeasurable) if order.immeasurable else off_label


def noted(dated: Schedule, remarks: Remarks) -> tuple[tuple[Order, str | None], ...]:
    """Return each order of a plan with the note that it carries."""
    option = dated.option
    return tuple((order, " ".join(notes_of(option, order, remarks)) or None) for order in dated.orders)


def _reviewed(option: Option, decision: Decision) -> tuple[str, ...]:
    """Return what a review may lead to; prevention goes on, whatever it finds."""
    if decision.assessment.prevention:
        return ()
    return decision.protocol.monitoring["review of injected" if option.regimen.injected else "review of tablets"]


def watch(option: Option, decision: Decision) -> tuple[str, ...]:
    """Return what is watched while an option is followed, the response that is expected last."""
    says = decision.protocol.monitoring
    if decision.assessment.prevention and not option.regimen.repletion:
        return says["prevention"]
    if decision.evidence.pregnant or decision.evidence.breastfeeding:
        return (*says["pregnant"], decision.protocol.response)
    autoimmune = decision.assessment.mechanism is Mechanism.AUTOIMMUNE_GASTRITIS
    besides = says["autoimmune"] if autoimmune else ()
    return (*says["injected" if option.regimen.injected else "tablets"], *besides, decision.protocol.response)
