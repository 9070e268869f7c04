"""Medicines ordered, taken and given: what, by which route, from when to when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

import msgspec

from service.domain.record import Course, Exposure, Form, Unreadable
from service.domain.terms import Role
from service.fhir import dates
from service.fhir.instructions import Instructions, Said, sensible
from service.fhir.shapes import (
    AnyMedication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Period,
    Repeat,
)
from service.fhir.vocabulary import Named

_ENDED = frozenset({"completed", "stopped", "on-hold", "ended"})
_PROPOSED = frozenset({"proposal", "option"})
_NEVER = frozenset({"cancelled", "entered-in-error", "not-taken", "not-done", "intended"})
#: An administration that was stopped or paused had begun.
_GIVEN = frozenset({"completed", "in-progress", "stopped", "on-hold"})
_FORMS: dict[str, Form] = {form.value: form for form in Form}
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


def exposures(
    medication: AnyMedication, named: Named, resource: str, instructions: Instructions
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
    course = _course(medication)
    if course is None:
        yield Unreadable(resource, f"{concepts[0].title}: its status does not say whether it is or was taken")
        return
    said = instructions.of(named, _instruction(medication), one=isinstance(medication, MedicationAdministration))
    start, end = _period(medication, said, course)
    if course is Course.GIVEN and start is None:
        yield Unreadable(resource, f"{concepts[0].title}: it has no date that can be read")
        return
    for concept in concepts:
        form, cobalamin = _FORMS[concept.form] if concept.form else said.form, Role.COBALAMIN in concept.roles
        if cobalamin and said.dose_unreadable:
            yield Unreadable(resource, f"{concept.title}: its dose cannot be read")
        yield Exposure(
            concept=concept,
            resource=resource,
            course=course,
            form=form,
            start=start,
            end=end,
            every_days=said.every_days,
            systemic=form in _SYSTEMIC or not said.local,
            text=named.title or concept.title,
            dose=said.dose if cobalamin else None,
            as_antidote=said.antidote if cobalamin else Role.ANTIDOTE in concept.roles,
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


def _instruction(medication: AnyMedication) -> msgspec.Raw:
    """Return how the medicine is taken, not yet decoded."""
    return medication.dosageInstruction if isinstance(medication, MedicationRequest) else medication.dosage


def _period(medication: AnyMedication, said: Said, course: Course) -> tuple[date | None, date | None]:
    """Return the first and the last day; of several dosages the first start and, when each has an end, the last end."""
    bounded = said.begins
    if isinstance(medication, MedicationRequest):
        validity = medication.dispenseRequest.validityPeriod if medication.dispenseRequest else None
        start = bounded or dates.start_of(medication.authoredOn) or dates.start_of(validity.start if validity else None)
        end = _last(said.ends, start)
        if end is None and course is Course.ENDED:
            end = dates.end_of(validity.end if validity else None)
        return start, end
    period = medication.effectivePeriod or Period()
    start = dates.start_of(period.start) or bounded or dates.start_of(medication.effectiveDateTime)
    end = dates.end_of(period.end)
    if isinstance(medication, MedicationStatement):
        end = end or _last(said.ends, start)
        return start or dates.start_of(medication.dateAsserted), end
    return start, end or dates.end_of(medication.effectiveDateTime) or start


def _last(bounds: tuple[Repeat, ...], start: date | None) -> date | None:
    """Return the last day of the dosages, or None when one of them has no end."""
    if not bounds:
        return None
    ends = [_end(repeat, start) for repeat in bounds]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _end(repeat: Repeat, start: date | None) -> date | None:
    """Return the end that a bounding period or duration gives."""
    if repeat.boundsPeriod is not None:
        return dates.end_of(repeat.boundsPeriod.end)
    bounds = repeat.boundsDuration
    hours = _HOURS.get(bounds.code or bounds.unit or "") if bounds else None
    if bounds is None or hours is None or start is None or not sensible(bounds.value):
        return None
    last = start.toordinal() + math.ceil(bounds.value * hours / 24) - 1
    return date.fromordinal(min(last, date.max.toordinal()))
