"""From one typed resource to findings: results, problems, procedures, allergies, states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal

from service.domain.index import CodeIndex, TestCode
from service.domain.record import Concept, Finding, Problem, Result, Unreadable, When
from service.domain.terms import Analyte, Role
from service.fhir import dates
from service.fhir.measures import ARBITRARY, Refused, Units, Value, answer, flag_of, titre, value_of, written
from service.fhir.shapes import (
    AllergyIntolerance,
    CodeableConcept,
    Condition,
    Measured,
    Observation,
    Period,
    Procedure,
    Quantity,
    Range,
)

_FINAL = frozenset({"final", "amended", "corrected"})
#: Results that show a bleeding risk: one that cannot be read is a hazard nobody can judge.
HAZARDS = frozenset({Analyte.INR, Analyte.PLATELETS})
_HERE = frozenset({"active", "recurrence", "relapse"})
_GONE = frozenset({"inactive", "remission", "resolved"})
_ENDED = frozenset({"inactive", "resolved"})
_DONE = frozenset({"completed", "unknown"})
_NOT_DONE = frozenset({"preparation", "in-progress", "not-done", "on-hold", "stopped", "entered-in-error"})
_DENIED = frozenset({"refuted", "entered-in-error"})
_UNCERTAIN = frozenset({"unconfirmed", "provisional", "differential"})
#: What words alone in a Condition never say.
_CODED_ONLY = frozenset({Role.COBALT, Role.PREGNANCY})
#: How the answer of a status Observation begins when it denies: not pregnant, negative.
_NOT = ("no ", "not ", "non", "neg")


def results(
    observation: Observation, resource: str, index: CodeIndex, units: Units
) -> Iterable[Result | Finding | Unreadable]:
    """Return what an Observation and its components say that matters; what cannot be used is told."""
    if not observation.component:
        said = _said_in(observation, observation, resource, index, units)
        return () if said is None else (said,)
    parts: tuple[Observation | Measured, ...] = (observation, *observation.component)
    told = [_said_in(observation, part, resource, index, units) for part in parts]
    return [said for said in told if said is not None]


def _said_in(
    observation: Observation, part: Observation | Measured, resource: str, index: CodeIndex, units: Units
) -> Result | Finding | Unreadable | None:
    """Return what the Observation itself or one of its components says that matters."""
    if part.code is None:
        return None
    codes: list[TestCode] = []
    for coding in part.code.coding:
        code = index.tests.get((coding.system or "", coding.code or ""))
        if code is not None:
            codes.append(code)
    if codes:
        return _result(observation, part, codes, resource, index, units)
    return _state(observation, part, part.code, resource, index)


def _result(
    observation: Observation,
    part: Observation | Measured,
    codes: list[TestCode],
    resource: str,
    index: CodeIndex,
    units: Units,
) -> Result | Unreadable:
    test = codes[0].test
    analyte, title = test.analyte, test.title
    status = observation.status
    if status not in _FINAL:
        why = f"{title}: its status is {status}" if status else f"{title}: it has no status"
        return Unreadable(resource, why, analyte, withdrawn=True)
    mixed = len(codes) > 1 and any(code.test.analyte != analyte for code in codes)
    hazard = any(code.test.analyte in HAZARDS for code in codes) if mixed else analyte in HAZARDS
    taken = _taken(observation)
    if taken is None:
        return Unreadable(resource, f"{title}: it has no date that can be read", analyte, hazard)
    if mixed:
        return Unreadable(resource, f"{title}: its codes name different tests", analyte, hazard, when=taken)
    flag, positive = flag_of(part.interpretation)
    if codes[0].property not in ARBITRARY:
        positive = None
    try:
        value, said = _value(part, codes, index, units)
    except Refused as refused:
        return Unreadable(resource, f"{title}: {refused}", analyte, hazard, when=taken)
    if said is not None:
        positive = said
    if value is not None:
        return Result(analyte, resource, taken, value.shown, value.measure, positive, flag, value.low, value.high)
    if positive is None and flag is None:
        return Unreadable(resource, f"{title}: it has no value that can be read", analyte, hazard, when=taken)
    return Result(analyte, resource, taken, _answered(positive), None, positive, flag)


def _taken(observation: Observation) -> When | None:
    """Return when the sample was taken, or None when it is not said or cannot be read."""
    period = observation.effectivePeriod
    if period is not None and (period.start or period.end):
        return _day(None, period)
    return dates.when_or_none(observation.effectiveDateTime or observation.effectiveInstant or observation.issued)


def _value(
    part: Observation | Measured, codes: list[TestCode], index: CodeIndex, units: Units
) -> tuple[Value | None, bool | None]:
    """Return the measured value, or for a test that has one the answer in words."""
    ranges = part.referenceRange
    if part.valueQuantity is not None:
        return _measured(part.valueQuantity, ranges, codes, units), None
    answered = codes[0].property in ARBITRARY
    texts = [part.valueString] if part.valueString else []
    if part.valueCodeableConcept is not None:
        texts += [t for t in (part.valueCodeableConcept.text, *_displays(part.valueCodeableConcept)) if t]
    for text in texts:
        said = answer(text, index) if answered else None
        if said is not None:
            return None, said
        quantity = (titre(text) if answered else None) or written(text)
        if quantity is not None:
            return _measured(quantity, ranges, codes, units), None
    if part.valueInteger is not None:
        return _measured(Quantity(Decimal(part.valueInteger)), ranges, codes, units), None
    return None, part.valueBoolean if answered else None


def _measured(quantity: Quantity, ranges: tuple[Range, ...], codes: list[TestCode], units: Units) -> Value:
    """Return the value by the first of a test's codes that its unit can belong to."""
    if len(codes) > 1:
        for code in codes[:-1]:
            with suppress(Refused):
                return value_of(quantity, ranges, code, units)
    return value_of(quantity, ranges, codes[-1], units)


def _displays(concept: CodeableConcept) -> Iterator[str | None]:
    return (coding.display for coding in concept.coding)


def _answered(positive: bool | None) -> str:
    if positive is None:
        return "flagged by the laboratory"
    return "positive" if positive else "negative"


def _state(
    observation: Observation, part: Observation | Measured, code: CodeableConcept, resource: str, index: CodeIndex
) -> Finding | Unreadable | None:
    """Return a state such as pregnancy that a status Observation reports, as its value says."""
    for coding in code.coding:
        asked = index.concepts.get((coding.system or "", coding.code or ""))
        if asked is None or Role.STATUS_OBSERVATION not in asked.roles or observation.status not in _FINAL:
            continue
        taken = _taken(observation)
        if taken is None:
            return Unreadable(resource, f"{asked.title}: it has no date that can be read")
        value = part.valueCodeableConcept or CodeableConcept(text=part.valueString)
        for answered in value.coding:
            found = index.concepts.get((answered.system or "", answered.code or ""))
            if found is not None:
                return Finding(found, resource, taken)
        words = (value.text or next((d for d in _displays(value) if d), "")).strip().lower()
        said = next((c for word, c in index.words if Role.PREGNANCY in c.roles and words.startswith(word)), None)
        if said is not None or f"{words} ".startswith(_NOT):
            return Finding(said or asked, resource, taken)
        return Unreadable(resource, f"{asked.title}: it has no value that can be read", when=taken)
    return None


def problem_words(index: CodeIndex) -> tuple[tuple[str, Concept], ...]:
    """Return what a Condition may say in words alone."""
    return tuple((word, concept) for word, concept in index.words if not concept.roles & _CODED_ONLY)


def problems(
    condition: Condition, resource: str, index: CodeIndex, known_words: Iterable[tuple[str, Concept]]
) -> Iterable[Problem]:
    """Return a problem for each thing a Condition's codes mean; none when it was refuted."""
    if condition.code is None:
        return ()
    found = _concepts(condition.code, index)
    text_only = not found
    if text_only:
        words = (condition.code.text or "").lower()
        found = {c.id: c for word, c in known_words if word in words}
    verification = _codes(condition.verificationStatus)
    if not found or not _DENIED.isdisjoint(verification):
        return ()
    onset = _day(condition.onsetDateTime, condition.onsetPeriod) or _day(condition.recordedDate, None)
    ended = _day(condition.abatementDateTime, condition.abatementPeriod)
    abated = (
        condition.abatementDateTime
        or (condition.abatementPeriod and (condition.abatementPeriod.start or condition.abatementPeriod.end))
        or condition.abatementString
        or condition.abatementAge
        or condition.abatementRange
    )
    clinical = _codes(condition.clinicalStatus)
    active = not abated and (not _HERE.isdisjoint(clinical) or _GONE.isdisjoint(clinical))
    certain, remission = _UNCERTAIN.isdisjoint(verification), "remission" in clinical
    return [
        Problem(concept, resource, onset, ended, active, certain, remission, text_only) for concept in found.values()
    ]


def _concepts(code: CodeableConcept, index: CodeIndex) -> dict[str, Concept]:
    """Return what codes mean, each thing once."""
    found: dict[str, Concept] = {}
    for coding in code.coding:
        concept = index.concept(coding.system or "", coding.code or "")
        if concept is not None:
            found[concept.id] = concept
    return found


def _codes(concept: CodeableConcept | None) -> list[str]:
    """Return what a status says, in codes or, without any, in words."""
    if concept is None:
        return []
    coded = [coding.code for coding in concept.coding if coding.code]
    return coded or ([concept.text.strip().lower().replace(" ", "-")] if concept.text else [])


def _day(text: str | None, period: Period | None) -> When | None:
    """Return when something was, or None when it is not said or cannot be read."""
    try:
        if text:
            return dates.when(text)
        return dates.span(period) if period is not None else None
    except dates.NotADate:
        return None


def procedures(procedure: Procedure, resource: str, index: CodeIndex) -> Iterator[Finding | Unreadable]:
    """Yield what was done, when it was done; told when the status does not say whether it was."""
    if procedure.status in _NOT_DONE or procedure.code is None:
        return
    found = _concepts(procedure.code, index)
    done = _day(procedure.performedDateTime, procedure.performedPeriod)
    for concept in found.values():
        if procedure.status in _DONE:
            yield Finding(concept, resource, done)
        else:
            yield Unreadable(resource, f"{concept.title}: its status does not say whether it was done")


def allergies(allergy: AllergyIntolerance, resource: str, index: CodeIndex) -> Iterator[Finding]:
    """Yield an allergy to a cobalamin or cobalt that is not refuted, inactive or resolved."""
    denied = not _DENIED.isdisjoint(_codes(allergy.verificationStatus))
    if denied or not _ENDED.isdisjoint(_codes(allergy.clinicalStatus)):
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
