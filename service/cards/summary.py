"""The one sentence of a card that stands alone: status with its number, cause, and what to do; under 140 characters."""

from __future__ import annotations

from service.cards.text import SUMMARY, day, fitted, listed, plain, title_of
from service.domain.decision import Decision
from service.domain.record import Result
from service.domain.response import Verdict, beginning
from service.domain.terms import Analyte, Mechanism, Modifier, Notice, Status

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
    if verdict.status is Status.ON_TREATMENT and _names(action, decision):
        modifier = ""
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


def _names(action: str, decision: Decision) -> bool:
    """Return whether what to do already names the modifier."""
    return "Neurology" in action or "anaemia" in action or bool(decision.unsafe)


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
    if _urgent_nerve(decision):
        return "Neurology on treatment: ask a specialist today."
    if decision.plan.none_because is not None and therapy.injected and Notice.RESPONSE in frozenset(decision.notices):
        return f"Response in doubt: review. No order: {plain(decision.plan.none_because)}."
    if decision.plan.none_because is not None:
        return f"No order proposed: {plain(decision.plan.none_because)}."
    return _over_time(decision)


def _over_time(decision: Decision) -> str:
    """Return what to do for a patient on treatment, the most pressing first."""
    noticed, given = frozenset(decision.notices), decision.given
    if Notice.URGENT_ANAEMIA in noticed:
        return "Severe anaemia on treatment: ask haematology today and watch potassium."
    if Notice.SAFETY_K in noticed and beginning(decision.evidence) is not None:
        return "Potassium low while treatment begins: replace it."
    if given.parallel:
        return "Two B12 treatments run side by side: stop one."
    if decision.response is not None and decision.response.verdict is Verdict.POOR:
        return "Response in doubt: review."
    if given.review:
        return f"The review was due on {day(given.review)}."
    if given.overdue:
        return f"An injection is overdue since {day(given.overdue.due)}: review."
    return "Injections are further apart than usual: review." if given.too_rare else "Response in doubt: review."


def _urgent_nerve(decision: Decision) -> bool:
    """Return whether neurology on injections, which leave no plan to offer, needs a specialist the same day."""
    on_treatment = decision.assessment.status is Status.ON_TREATMENT or decision.evidence.therapy.injected
    return on_treatment and not decision.schedules and Notice.URGENT_NEURO in frozenset(decision.notices)


def _cause(decision: Decision) -> str:
    if not decision.assessment.causes:
        return ""
    first = decision.assessment.causes[0]
    named = first.cause.mechanism is Mechanism.MEDICINE_INDUCED and first.why
    title = first.why[0] if named else first.cause.title
    return f"{title} (possible)" if first.only_possible else title


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
    if decision.assessment.status is Status.ON_TREATMENT and decision.response and decision.response.results:
        return decision.response.results[0] if decision.response.verdict is Verdict.POOR else None
    if decision.assessment.rule.id in _BY_MARKER:
        marker = next((r for r in basis if r.analyte in _MARKERS), None)
        if marker is not None:
            return marker
    return decision.evidence.b12 or next(iter(basis), None)
