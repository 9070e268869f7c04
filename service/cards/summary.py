"""The one sentence of a card that stands alone: status with its number, cause, and what to do; under 140 characters."""

from __future__ import annotations

from service.cards.text import SUMMARY, day, fitted, listed, plain, title_of
from service.domain.decision import Decision
from service.domain.record import Result
from service.domain.terms import Analyte, Mechanism, Modifier, Status

_STATUS = {
    Status.CONFIRMED: "B12 deficiency confirmed",
    Status.INDETERMINATE: "B12 deficiency not settled",
    Status.UNLIKELY: "B12 deficiency unlikely",
    Status.UNKNOWN: "B12 status not known",
    Status.ON_TREATMENT: "On B12 treatment",
    Status.OUT_OF_SCOPE: "Under 16: no advice from this service",
}
#: Rules that a marker decides, so that its number is the one to show.
_BY_MARKER = frozenset({"K4", "K4n", "K8b", "K5", "K5r", "K5t", "K10", "K10f", "K9m", "K14"})
_MARKERS = (Analyte.MMA, Analyte.HOMOCYSTEINE)
_WORDS = {Modifier.NEUROLOGICAL: "with neurology", Modifier.SEVERE_ANAEMIA: "with severe anaemia"}


def treatment(decision: Decision, number: str) -> str:
    """Return the summary of the treatment card, the longest of its forms that fits."""
    verdict = decision.assessment
    status = "B12 deficiency to be prevented" if verdict.prevention else _STATUS[verdict.status]
    if verdict.status is Status.OUT_OF_SCOPE:
        return f"{status}."
    numbered = f" ({number})" if number else ""
    modifier = next((f" {words}" for found, words in _WORDS.items() if found in decision.modifiers), "")
    cause, action = _cause(decision), _action(decision)
    of = f": {cause}" if cause else ""
    heads = (
        (numbered, modifier, of),
        (numbered, of),
        (numbered, modifier),
        (numbered,),
        (modifier, of),
        (of,),
        (modifier,),
    )
    forms = (f"{status}{''.join(head)}. {action}" for head in heads)
    return next((form for form in forms if len(form) <= SUMMARY), None) or fitted([f"{status}.", action])


def workup(decision: Decision, number: str) -> str:
    """Return the summary of the work-up card."""
    asked = [i.title for i in decision.investigations]
    status = _STATUS[decision.assessment.status]
    head = f"{status} ({number})." if number else f"{status}."
    if decision.evidence.age is None:
        return fitted([head, "No birth date that can be read: no plan."])
    if not asked:
        return fitted([head, "See detail."])
    for shown in range(len(asked), 0, -1):
        more = len(asked) - shown
        form = f"{head} Send {listed([*asked[:shown], f'{more} more'] if more else asked)}."
        if len(form) <= SUMMARY:
            return form
    return fitted([head, "Tests are missing."])


def _action(decision: Decision) -> str:
    therapy = decision.evidence.therapy
    if decision.unsafe:
        drug = decision.unsafe[0].concept.title
        return f"Unsafe {drug} on record: {'do not sign' if decision.unsafe[0] in therapy.drafts else 'stop'} it."
    if therapy.drafts and decision.schedules:
        return "A B12 draft waits to be signed."
    if decision.schedules:
        option, _ = decision.schedules[0]
        until = " until injections are safe" if option.bridge_to is not None else ""
        return f"Start {option.regimen.title}{until}."
    if decision.plan.none_because is not None:
        return f"No order proposed: {plain(decision.plan.none_because)}."
    return "Response in doubt: review."


def _cause(decision: Decision) -> str:
    if not decision.assessment.causes:
        return ""
    first = decision.assessment.causes[0]
    named = first.cause.mechanism is Mechanism.MEDICINE_INDUCED and first.why
    return first.why[0] if named else first.cause.title


def deciding_number(decision: Decision) -> str:
    """Return the deciding result, plain: a summary is no markdown."""
    found = _deciding(decision)
    if found is None:
        return ""
    title = title_of(found, decision.tests).replace("vitamin ", "")
    value = found.shown.lstrip("<>=")
    comparator = found.shown[: len(found.shown) - len(value)]
    return f"{title} {comparator}{plain(value)[:22].rstrip()}, {day(found.taken.latest)}"


def _deciding(decision: Decision) -> Result | None:
    basis = decision.assessment.basis
    if decision.assessment.rule.id in _BY_MARKER:
        marker = next((r for r in basis if r.analyte in _MARKERS), None)
        if marker is not None:
            return marker
    return decision.evidence.b12 or next(iter(basis), None)
