"""Medicines ordered, taken and given: what, by which route, from when to when."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TypeGuard

import msgspec

from service.domain.index import CodeIndex
from service.domain.orders import every_days
from service.domain.record import Concept, Course, Exposure, Form, Unreadable
from service.domain.terms import Role
from service.fhir import dates
from service.fhir.decoding import decode_dosage, decode_dosages
from service.fhir.doses import dose_of
from service.fhir.shapes import (
    AnyMedication,
    Dosage,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Period,
    Repeat,
    told,
)
from service.fhir.vocabulary import Named, Vocabulary

_ENDED = frozenset({"completed", "stopped", "on-hold", "ended"})
_PROPOSED = frozenset({"proposal", "option"})
_NEVER = frozenset({"cancelled", "entered-in-error", "not-taken", "not-done", "intended"})
#: An administration that was stopped or paused had begun.
_GIVEN = frozenset({"completed", "in-progress", "stopped", "on-hold"})
_SYSTEMIC = frozenset({Form.INJECTION, Form.ORAL})
_HOURS = {
    written: hours
    for hours, spellings in (
        (1, ("h", "hour", "hours")),
        (24, ("d", "day", "days")),
        (24 * 7, ("wk", "week", "weeks")),
        (24 * 30, ("mo", "month", "months")),
        (24 * 365, ("a", "year", "years")),
    )
    for written in spellings
}
#: No bound and no interval is sensibly longer or shorter, in any unit.
_LONGEST, _SHORTEST = Decimal(40_000), Decimal("0.001")
_WORD = re.compile(r"\w+")
#: Local words up to this length are found only as whole words.
_SHORT = 3


def exposures(
    medication: AnyMedication, named: Named, resource: str, words: Vocabulary
) -> Iterator[Exposure | Unreadable]:
    """Yield an exposure for each medicine the code names; told where it is not clear whether it was taken."""
    concepts = named.concepts
    if not concepts:
        if not named.worded:
            return
        if named.antidote is None:
            yield Unreadable(resource, "it names vitamin B12 in words, but by no code that is known")
            return
        concepts = (named.antidote,)
    if named.mixed:
        yield Unreadable(resource, "it names vitamin B12 in words beside folic acid, but by no code that is known")
        return
    dosages = _dosages(medication)
    course = _course(medication)
    if course is None:
        yield Unreadable(resource, f"{concepts[0].title}: its status does not say whether it is or was taken")
        return
    start, end = _period(medication, dosages, course)
    if course is Course.GIVEN and start is None:
        yield Unreadable(resource, f"{concepts[0].title}: it has no date that can be read")
        return
    for concept in concepts:
        form, dose = _form(concept, dosages, named, words.index), None
        antidote = Role.ANTIDOTE in concept.roles
        if Role.COBALAMIN in concept.roles:
            try:
                dose = dose_of(dosages, words.index.aliases)
            except msgspec.DecodeError:
                yield Unreadable(resource, f"{concept.title}: its dose cannot be read")
            antidote = words.b12.antidote_in(_words(named, dosages)) is not None
        yield Exposure(
            concept=concept,
            resource=resource,
            course=course,
            form=form,
            start=start,
            end=end,
            every_days=_every(dosages),
            systemic=form in _SYSTEMIC or not _local(_words(named, dosages), words.index),
            text=named.title or concept.title,
            dose=dose,
            as_antidote=antidote,
        )


def never_taken(medication: AnyMedication) -> bool:
    """Return whether the resource says that it is about no medicine that was or will be taken."""
    if medication.status in _NEVER:
        return True
    if not isinstance(medication, MedicationRequest):
        return False
    proposed = medication.intent in _PROPOSED and medication.status not in ("active", "draft")
    return proposed or bool(medication.doNotPerform)


def _course(medication: AnyMedication) -> Course | None:
    """Return where the order stands, or None when its status does not tell."""
    status = medication.status or ""
    if isinstance(medication, MedicationAdministration):
        return Course.GIVEN if status in _GIVEN else None
    if isinstance(medication, MedicationRequest) and (status == "draft" or medication.intent in _PROPOSED):
        return Course.DRAFT
    if status == "active":
        return Course.ACTIVE
    return Course.ENDED if status in _ENDED else None


def _dosages(medication: AnyMedication) -> tuple[Dosage, ...]:
    """Return how the medicine is taken; raises what decoding raises."""
    if isinstance(medication, MedicationAdministration):
        given = decode_dosage.decode(medication.dosage) if told(medication.dosage) else None
        return (given,) if given else ()
    raw = medication.dosageInstruction if isinstance(medication, MedicationRequest) else medication.dosage
    return decode_dosages.decode(raw) if told(raw) else ()


def _period(medication: AnyMedication, dosages: tuple[Dosage, ...], course: Course) -> tuple[date | None, date | None]:
    """Return the first and the last day; of several dosages the first start and, when each has an end, the last end."""
    repeats = [d.timing.repeat if d.timing else None for d in dosages]
    starts = [day for r in repeats if r and r.boundsPeriod and (day := dates.start_of(r.boundsPeriod.start))]
    bounded = min(starts, default=None)
    if isinstance(medication, MedicationRequest):
        validity = medication.dispenseRequest.validityPeriod if medication.dispenseRequest else None
        start = bounded or dates.start_of(medication.authoredOn) or dates.start_of(validity.start if validity else None)
        end = _last(repeats, start)
        if end is None and course is Course.ENDED:
            end = dates.end_of(validity.end if validity else None)
        return start, end
    period = medication.effectivePeriod or Period()
    start = dates.start_of(period.start) or bounded or dates.start_of(medication.effectiveDateTime)
    end = dates.end_of(period.end)
    if isinstance(medication, MedicationStatement):
        end = end or _last(repeats, start)
        return start or dates.start_of(medication.dateAsserted), end
    return start, end or dates.end_of(medication.effectiveDateTime) or start


def _last(repeats: list[Repeat | None], start: date | None) -> date | None:
    """Return the last day of the dosages, or None when one of them has no end."""
    ends = [_end(repeat, start) if repeat else None for repeat in repeats]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _end(repeat: Repeat, start: date | None) -> date | None:
    """Return the end that a bounding period or duration gives."""
    if repeat.boundsPeriod is not None:
        return dates.end_of(repeat.boundsPeriod.end)
    bounds = repeat.boundsDuration
    hours = _HOURS.get(bounds.code or bounds.unit or "") if bounds else None
    if bounds is None or hours is None or start is None or not _sensible(bounds.value):
        return None
    last = start.toordinal() + math.ceil(bounds.value * hours / 24) - 1
    return date.fromordinal(min(last, date.max.toordinal()))


def _sensible(number: Decimal | None) -> TypeGuard[Decimal]:
    return number is not None and number.is_finite() and _SHORTEST < number < _LONGEST


def _every(dosages: tuple[Dosage, ...]) -> Decimal | None:
    for dosage in dosages:
        repeat = dosage.timing.repeat if dosage.timing else None
        if repeat and repeat.periodUnit and _sensible(repeat.period):
            frequency = repeat.frequency if repeat.frequency and repeat.frequency > 0 else 1
            return every_days(frequency, repeat.period, repeat.periodUnit)
    return None


def _form(concept: Concept, dosages: tuple[Dosage, ...], named: Named, index: CodeIndex) -> Form:
    """Return how it is given: the product's code first, then the order's route in codes, then in words."""
    if concept.form is not None:
        return Form(concept.form)
    routes = index.routes
    for dosage in dosages:
        for coding in dosage.route.coding if dosage.route else ():
            form = routes.forms.get((coding.system or "", coding.code or ""))
            if form is not None:
                return Form(form)
    text = _words(named, dosages)
    return next((Form(form) for word, form in routes.words if _says(text, word)), Form.UNKNOWN)


def _says(text: str, word: str) -> bool:
    return f" {word}" in f" {text}"


def _local(text: str, index: CodeIndex) -> bool:
    """Return whether the words say that it is put on one place; a short one must stand whole: ear is not early."""
    whole = {word.rstrip("s") for word in _WORD.findall(text)}
    return any(word in whole or (len(word) > _SHORT and _says(text, word)) for word in index.routes.local_words)


def _words(named: Named, dosages: tuple[Dosage, ...]) -> str:
    """Return all that is said of the medicine and how it is taken, in small letters."""
    parts = [named.words]
    for dosage in dosages:
        parts.append(dosage.text or "")
        if dosage.route:
            parts += [dosage.route.text or "", *[c.display or "" for c in dosage.route.coding]]
    return " ".join([part for part in parts if part]).lower()
