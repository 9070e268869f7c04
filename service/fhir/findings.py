"""From one typed resource to findings: results, problems, procedures, allergies, states."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.index import CodeIndex, TestCode
from service.domain.record import Finding, Problem, Result, Unreadable, When
from service.domain.terms import Analyte, Role
from service.fhir import dates
from service.fhir.measures import Refused, Units, Value, answer, flag_of, value_of, written
from service.fhir.shapes import (
    AllergyIntolerance,
    CodeableConcept,
    Condition,
    Measured,
    Observation,
    Procedure,
)

_FINAL = frozenset({"final", "amended", "corrected"})
_HAZARDS = frozenset({Analyte.INR, Analyte.PLATELETS})
_HERE = frozenset({"active", "recurrence", "relapse"})
_GONE = frozenset({"inactive", "remission", "resolved"})
_DENIED = frozenset({"refuted", "entered-in-error"})
_UNCERTAIN = frozenset({"unconfirmed", "provisional", "differential"})


def results(
    observation: Observation, resource: str, index: CodeIndex, units: Units
) -> Iterator[Result | Finding | Unreadable]:
    """Yield what an Observation and its components say that matters; what cannot be used is told."""
    parts: tuple[Observation | Measured, ...] = (observation, *observation.component)
    for part in parts:
        code = _test(part.code, index)
        if code is not None:
            yield _result(observation, part, code, resource, index, units)
        elif part.code is not None:
            yield from _state(observation, part, resource, index)


def _test(code: CodeableConcept | None, index: CodeIndex) -> TestCode | None:
    for coding in code.coding if code else ():
        found = index.tests.get((coding.system or "", coding.code or ""))
        if found is not None:
            return found
    return None


def _result(
    observation: Observation,
    part: Observation | Measured,
    code: TestCode,
    resource: str,
    index: CodeIndex,
    units: Units,
) -> Result | Unreadable:
    analyte, title = code.test.analyte, code.test.title
    status = observation.status
    if status not in _FINAL:
        why = f"{title}: its status is {status}" if status else f"{title}: it has no status"
        return Unreadable(resource, why, analyte, withdrawn=True)
    hazard = analyte in _HAZARDS
    try:
        taken = _taken(observation)
    except dates.NotADate:
        taken = None
    if taken is None:
        return Unreadable(resource, f"{title}: it has no date that can be read", analyte, hazard)
    flag, positive = flag_of(part.interpretation)
    try:
        value, said = _value(part, code, index, units)
    except Refused as refused:
        return Unreadable(resource, f"{title}: {refused}", analyte, hazard, when=taken)
    if value is None and said is None and flag is None and positive is None:
        return Unreadable(resource, f"{title}: it has no value that can be read", analyte, hazard, when=taken)
    return Result(
        analyte=analyte,
        resource=resource,
        taken=taken,
        shown=value.shown if value else _said(said if said is not None else positive),
        measure=value.measure if value else None,
        positive=said if said is not None else positive,
        flag=flag,
        range_low=value.low if value else None,
        range_high=value.high if value else None,
    )


def _taken(observation: Observation) -> When | None:
    if observation.effectivePeriod is not None:
        return dates.span(observation.effectivePeriod)
    return dates.first(observation.effectiveDateTime, observation.effectiveInstant, observation.issued)


def _value(
    part: Observation | Measured, code: TestCode, index: CodeIndex, units: Units
) -> tuple[Value | None, bool | None]:
    """Return the measured value, or the answer in words."""
    if part.valueQuantity is not None:
        return value_of(part.valueQuantity, part.referenceRange, code, units), None
    texts = [part.valueString] if part.valueString else []
    if part.valueCodeableConcept is not None:
        texts += [t for t in (part.valueCodeableConcept.text, *_displays(part.valueCodeableConcept)) if t]
    for text in texts:
        said = answer(text, index)
        if said is not None:
            return None, said
        quantity = written(text)
        if quantity is not None:
            return value_of(quantity, part.referenceRange, code, units), None
    return None, part.valueBoolean


def _displays(concept: CodeableConcept) -> Iterator[str | None]:
    return (coding.display for coding in concept.coding)


def _said(positive: bool | None) -> str:
    if positive is None:
        return "flagged by the laboratory"
    return "positive" if positive else "negative"


def _state(
    observation: Observation, part: Observation | Measured, resource: str, index: CodeIndex
) -> Iterator[Finding | Unreadable]:
    """Yield a state such as pregnancy that a status Observation reports, as its value says."""
    for coding in part.code.coding if part.code else ():
        asked = index.concepts.get((coding.system or "", coding.code or ""))
        if asked is None or Role.STATUS_OBSERVATION not in asked.roles or observation.status not in _FINAL:
            continue
        try:
            taken = _taken(observation)
        except dates.NotADate:
            taken = None
        if taken is None:
            yield Unreadable(resource, f"{asked.title}: it has no date that can be read")
            return
        value = part.valueCodeableConcept or CodeableConcept(text=part.valueString)
        for answered in value.coding:
            found = index.concepts.get((answered.system or "", answered.code or ""))
            if found is not None:
                yield Finding(found, resource, taken)
                return
        words = (value.text or next((d for d in _displays(value) if d), "")).strip().lower()
        said = next((c for word, c in index.words if Role.PREGNANCY in c.roles and words.startswith(word)), asked)
        yield Finding(said, resource, taken)
        return


def problems(condition: Condition, resource: str, index: CodeIndex) -> Iterator[Problem]:
    """Yield a problem for each thing a Condition's codes mean; none when it was refuted."""
    verification = _codes(condition.verificationStatus)
    if verification & _DENIED or condition.code is None:
        return
    try:
        onset = dates.first(condition.onsetDateTime) or (
            dates.span(condition.onsetPeriod) if condition.onsetPeriod else dates.first(condition.recordedDate)
        )
        ended = dates.first(condition.abatementDateTime) or (
            dates.span(condition.abatementPeriod) if condition.abatementPeriod else None
        )
    except dates.NotADate:
        onset = ended = None
    clinical = _codes(condition.clinicalStatus)
    abated = condition.abatementString or condition.abatementAge or condition.abatementRange
    active = not (ended or abated or clinical & _GONE) if not clinical & _HERE else not (ended or abated)
    found = {
        c.id: c for coding in condition.code.coding if (c := index.concept(coding.system or "", coding.code or ""))
    }
    text_only = not found
    if text_only:
        words = (condition.code.text or "").lower()
        found = {c.id: c for word, c in index.words if word in words and Role.COBALT not in c.roles}
    for concept in found.values():
        yield Problem(
            concept=concept,
            resource=resource,
            onset=onset,
            ended=ended,
            active=bool(active),
            certain=not verification & _UNCERTAIN,
            remission="remission" in clinical,
            text_only=text_only,
        )


def _codes(concept: CodeableConcept | None) -> set[str]:
    return {coding.code for coding in concept.coding if coding.code} if concept else set()


def procedures(procedure: Procedure, resource: str, index: CodeIndex) -> Iterator[Finding]:
    """Yield what was done, when it was done."""
    if procedure.status not in ("completed", "unknown") or procedure.code is None:
        return
    try:
        done = dates.first(procedure.performedDateTime) or (
            dates.span(procedure.performedPeriod) if procedure.performedPeriod else None
        )
    except dates.NotADate:
        done = None
    found = {
        c.id: c for coding in procedure.code.coding if (c := index.concept(coding.system or "", coding.code or ""))
    }
    for concept in found.values():
        yield Finding(concept, resource, done)


def allergies(allergy: AllergyIntolerance, resource: str, index: CodeIndex) -> Iterator[Finding]:
    """Yield an allergy to a cobalamin or cobalt that is not refuted, inactive or resolved."""
    if _codes(allergy.verificationStatus) & _DENIED or _codes(allergy.clinicalStatus) & {"inactive", "resolved"}:
        return
    substances = [allergy.code, *(reaction.substance for reaction in allergy.reaction)]
    for substance in substances:
        if substance is None:
            continue
        for coding in substance.coding:
            concept = index.concept(coding.system or "", coding.code or "")
            if concept is not None and Role.COBALAMIN in concept.roles:
                yield Finding(concept, resource, None)
                return
        words = " ".join(t for t in (substance.text, *_displays(substance)) if t).lower()
        named = next((c for word, c in index.words if Role.COBALT in c.roles and word in words), None)
        if named is not None:
            yield Finding(named, resource, None)
            return
