"""The B12 on record in words: what is taken, how much, by which route, how often, in which phase, since when."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from service.cards.text import capital, day, escaped, line
from service.domain.decision import Decision
from service.domain.doses import looks_like_a_slip
from service.domain.protocol import Book
from service.domain.record import Exposure, Form, Measure, months_before

GIVEN = {Form.INJECTION: "injected", Form.ORAL: "by mouth", Form.NASAL: "nasal spray"}
_SPANS = ((30, "month"), (7, "week"), (1, "day"))
_MILLI = Decimal(1000)


def on_record(decision: Decision, book: Book) -> str:
    """Return the line that says what the patient takes now or took before, empty when no B12 is on record."""
    active = decision.evidence.therapy.active
    now = [f"{'; '.join(_course(decision, e) for e in active)}."] if active else []
    said = [capital(sentence) for sentence in (*now, *_remarked(decision, book))]
    return line("On B12" if active else "B12 before", " ".join(said))


def _remarked(decision: Decision, book: Book) -> Iterator[str]:
    """Yield what must be known of it: a dose far from every printed one, an antidote, one dose, a course that ended."""
    therapy, evidence, says = decision.evidence.therapy, decision.evidence, book.wording.phrases
    for course in therapy.active:
        if looks_like_a_slip(course, book, decision.protocol.limits):
            yield f"{says['dose-slip']}: {dose_said(course.dose)} ({escaped(course.resource)})."
    due = therapy.review_passed(evidence.today)
    if due is not None:
        yield f"{says['review-passed']} {day(due)}."
    for antidote in therapy.antidotes:
        when = f" ({day(antidote.start)})" if antidote.start else ""
        yield f"{says['antidote-given']}{when}."
    if therapy.active:
        return
    lately = months_before(evidence.today, decision.protocol.limits.review_months)
    dose = therapy.last_dose
    if dose is not None and dose.start is not None and dose.start >= lately:
        yield f"{says['given-lately']} {day(dose.start)} ({escaped(dose.resource)})."
        return
    last = therapy.last_taken(evidence.today)
    if last is not None:
        yield f"{says['last-on-record']} {day(last)}."


def _course(decision: Decision, exposure: Exposure) -> str:
    therapy, evidence = decision.evidence.therapy, decision.evidence
    dose = f" {dose_said(exposure.dose)}" if exposure.dose else ""
    phase = therapy.phase(exposure, evidence.today, decision.protocol.limits)
    began = therapy.began(exposure)
    parts = [
        f"{exposure.concept.title}{dose}",
        GIVEN.get(exposure.form, "route not said"),
        "" if exposure.dose else "dose not said",
        often_said(exposure.every_days),
        phase.value if phase else "",
        f"since {day(began)}" if began else "start not said",
        f"to {day(exposure.end)}" if exposure.end is not None and exposure.end < evidence.today else "",
    ]
    return f"{', '.join(part for part in parts if part)} ({escaped(exposure.resource)})"


def dose_said(dose: Measure | None) -> str:
    """Return a dose as people read it."""
    if dose is None:
        return ""
    upper = "up to " if dose.comparator else ""
    if dose.value >= _MILLI:
        return f"{upper}{(dose.value / _MILLI).normalize():f} mg"
    return f"{upper}{dose.value:f} micrograms"


def often_said(every: Decimal | None) -> str:
    """Return an interval as people read it, empty when it is no whole number of days, weeks or months."""
    if every is None:
        return "interval not said"
    if every < 1:
        return f"{round(1 / every)} times a day"
    whole = int(every)
    for days, name in _SPANS:
        if whole % days == 0:
            count = whole // days
            return f"every {name}" if count == 1 else f"every {count} {name}s"
    return ""
