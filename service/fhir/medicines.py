"""Medicines ordered, taken and given: what, by which route, from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from service.domain.index import CodeIndex
from service.domain.orders import every_days
from service.domain.record import Concept, Course, Exposure, Form
from service.domain.terms import Role
from service.fhir import dates
from service.fhir.shapes import (
    AnyMedication,
    CodeableConcept,
    Dosage,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Period,
)

_ENDED = frozenset({"completed", "stopped", "on-hold", "ended"})
_PROPOSED = frozenset({"proposal", "option"})
_DAYS = {"d": 1, "wk": 7, "mo": 30, "a": 365}


def exposures(medication: AnyMedication, code: CodeableConcept, resource: str, index: CodeIndex) -> Iterator[Exposure]:
    """Yield an exposure for each medicine the code names; none for what was never taken."""
    concepts = list(_concepts(code, index))
    if not concepts:
        return
    course = _course(medication)
    if course is None:
        return
    dosages = _dosages(medication)
    start, end = _period(medication, dosages, course)
    local = _local(code, dosages, index)
    for concept in concepts:
        yield Exposure(
            concept=concept,
            resource=resource,
            course=course,
            form=_form(concept, dosages, code, index),
            start=start,
            end=end,
            every_days=_every(dosages),
            systemic=not local,
            text=code.text or concept.title,
        )


def _concepts(code: CodeableConcept, index: CodeIndex) -> Iterable[Concept]:
    """Return the medicines named, each once; of the cobalamins only the one that says most."""
    found: dict[str, Concept] = {}
    for coding in code.coding:
        concept = index.concept(coding.system or "", coding.code or "")
        if concept is not None:
            known = found.get(concept.id)
            found[concept.id] = known if known is not None and known.form else concept
    cobalamins = [c for c in found.values() if Role.COBALAMIN in c.roles]
    if len(cobalamins) > 1:
        best = next((c for c in cobalamins if c.form), cobalamins[0])
        return [c for c in found.values() if c is best or Role.COBALAMIN not in c.roles]
    return found.values()


def _course(medication: AnyMedication) -> Course | None:
    status = medication.status or ""
    if isinstance(medication, MedicationAdministration):
        return {"completed": Course.GIVEN, "in-progress": Course.GIVEN}.get(status)
    if isinstance(medication, MedicationRequest):
        if medication.doNotPerform:
            return None
        if status == "draft" or (status == "active" and medication.intent in _PROPOSED):
            return Course.DRAFT
    if status == "active":
        return Course.ACTIVE
    return Course.ENDED if status in _ENDED else None


def _dosages(medication: AnyMedication) -> tuple[Dosage, ...]:
    if isinstance(medication, MedicationRequest):
        return medication.dosageInstruction
    if isinstance(medication, MedicationStatement):
        return medication.dosage
    return (medication.dosage,) if medication.dosage else ()


def _period(medication: AnyMedication, dosages: tuple[Dosage, ...], course: Course) -> tuple[date | None, date | None]:
    bounds = next((d.timing.repeat.boundsPeriod for d in dosages if d.timing and d.timing.repeat), None)
    if isinstance(medication, MedicationRequest):
        start = dates.start_of(bounds.start if bounds else None) or dates.start_of(medication.authoredOn)
        validity = medication.dispenseRequest.validityPeriod if medication.dispenseRequest else None
        start = start or dates.start_of(validity.start if validity else None)
        end = dates.end_of(bounds.end if bounds else None) or _by_duration(dosages, start)
        if end is None and course is Course.ENDED:
            end = dates.end_of(validity.end if validity else None)
        return start, end
    period = medication.effectivePeriod or bounds or Period()
    start = dates.start_of(period.start) or dates.start_of(medication.effectiveDateTime)
    end = dates.end_of(period.end)
    if isinstance(medication, MedicationStatement):
        return start or dates.start_of(medication.dateAsserted), end or _by_duration(dosages, start)
    return start, end or start


def _by_duration(dosages: tuple[Dosage, ...], start: date | None) -> date | None:
    """Return the end that a bounded duration gives."""
    for dosage in dosages:
        bounds = dosage.timing.repeat.boundsDuration if dosage.timing and dosage.timing.repeat else None
        days = _DAYS.get((bounds.code or bounds.unit or "") if bounds else "")
        if bounds and bounds.value is not None and days and start:
            return start + timedelta(days=int(bounds.value * days))
    return None


def _every(dosages: tuple[Dosage, ...]) -> Decimal | None:
    for dosage in dosages:
        repeat = dosage.timing.repeat if dosage.timing else None
        if repeat and repeat.period and repeat.periodUnit:
            return every_days(repeat.frequency or 1, repeat.period, repeat.periodUnit)
    return None


def _form(concept: Concept, dosages: tuple[Dosage, ...], code: CodeableConcept, index: CodeIndex) -> Form:
    """Return how it is given: the product's code first, then the order's route in codes, then in words."""
    if concept.form is not None:
        return Form(concept.form)
    routes = index.routes
    for dosage in dosages:
        for coding in dosage.route.coding if dosage.route else ():
            form = routes.forms.get((coding.system or "", coding.code or ""))
            if form is not None:
                return Form(form)
    text = _text(code, dosages)
    return next((Form(form) for word, form in routes.words if _says(text, word)), Form.UNKNOWN)


def _says(text: str, word: str) -> bool:
    return f" {word}" in f" {text}"


def _local(code: CodeableConcept, dosages: tuple[Dosage, ...], index: CodeIndex) -> bool:
    text = _text(code, dosages)
    return any(_says(text, word) for word in index.routes.local_words)


def _text(code: CodeableConcept, dosages: tuple[Dosage, ...]) -> str:
    parts = [code.text, *(c.display for c in code.coding)]
    for dosage in dosages:
        parts.append(dosage.text)
        if dosage.route:
            parts += [dosage.route.text, *(c.display for c in dosage.route.coding)]
    return " ".join(part for part in parts if part).lower()
