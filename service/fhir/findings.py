"""From one typed resource to findings: results, problems, procedures, allergies, states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.domain.index import CodeIndex, Test
from service.domain.record import Concept, Finding, Problem, Result, Unreadable, When, result_of
from service.domain.terms import Role
from service.fhir import dates
from service.fhir.decoding import decode_inherited
from service.fhir.shapes import (
    AllergyIntolerance,
    CodeableConcept,
    Condition,
    FamilyMemberHistory,
    Measured,
    Observation,
    Period,
    Procedure,
    told,
)
from service.fhir.values import Values, displays
from service.fhir.vocabulary import Asked, Vocabulary

#: Of a result that stands.
FINAL = frozenset({"final", "amended", "corrected"})
_HERE = frozenset({"active", "recurrence", "relapse"})
_GONE = frozenset({"inactive", "remission", "resolved"})
_ENDED = frozenset({"inactive", "resolved"})
_DONE = frozenset({"completed", "unknown"})
_NOT_DONE = frozenset({"preparation", "in-progress", "not-done", "on-hold", "stopped", "entered-in-error"})
_DENIED = frozenset({"refuted", "entered-in-error"})
_UNCERTAIN = frozenset({"unconfirmed", "provisional", "differential"})
#: How the answer of a status Observation begins when it denies: not pregnant, negative.
_NOT = ("no ", "not ", "non", "neg")


def said_in(
    observation: Observation, part: Observation | Measured, resource: str, words: Vocabulary, values: Values
) -> Result | Finding | Unreadable | None:
    """Return what the Observation itself or one of its components says that matters."""
    asked = words.asked[bytes(part.code)]
    if asked.test is not None:
        return _result(observation, part, asked, asked.test, resource, values)
    return _state(observation, part, asked.states[0], resource, words.index) if asked.states else None


def _result(
    observation: Observation,
    part: Observation | Measured,
    asked: Asked,
    test: Test,
    resource: str,
    values: Values,
) -> Result | Unreadable:
    if observation.status not in FINAL:
        status = f"its status is {observation.status}" if observation.status else "it has no status"
        return Unreadable(resource, f"{test.title}: {status}", test.analyte, withdrawn=True)
    taken = _taken(observation)
    if taken is None:
        return Unreadable(resource, f"{test.title}: it has no date that can be read", test.analyte, asked.hazard)
    printed = "its codes name different tests" if asked.mixed else values.of(part, asked)
    if isinstance(printed, str):
        return Unreadable(resource, f"{test.title}: {printed}", test.analyte, asked.hazard, when=taken)
    return result_of((test.analyte, resource, taken, *printed))


def _taken(observation: Observation) -> When | None:
    """Return when the sample was taken, or None when it is not said or cannot be read."""
    period = observation.effectivePeriod
    if period is not None and (period.start or period.end):
        return _day(None, period)
    text = observation.effectiveDateTime or observation.effectiveInstant or observation.issued
    try:
        return dates.WHEN[text] if text else None
    except dates.NotADate:
        return None


def _state(
    observation: Observation, part: Observation | Measured, asked: Concept, resource: str, index: CodeIndex
) -> Finding | Unreadable | None:
    """Return a state such as pregnancy that a status Observation reports, as its value says."""
    if observation.status not in FINAL:
        return None
    taken = _taken(observation)
    if taken is None:
        return Unreadable(resource, f"{asked.title}: it has no date that can be read")
    value = part.valueCodeableConcept or CodeableConcept(text=part.valueString)
    for answered in value.coding:
        found = index.concepts.get((answered.system or "", answered.code or ""))
        if found is not None:
            return Finding(found, resource, taken)
    words = (value.text or next((d for d in displays(value) if d), "")).strip().lower()
    said = next((c for word, c in index.words if Role.PREGNANCY in c.roles and words.startswith(word)), None)
    if said is not None or f"{words} ".startswith(_NOT):
        return Finding(said or asked, resource, taken)
    return Unreadable(resource, f"{asked.title}: it has no value that can be read", when=taken)


def problems(condition: Condition, resource: str, words: Vocabulary) -> Iterable[Problem]:
    """Return a problem for each thing a Condition's codes mean; none when it was refuted."""
    found, text_only = words.problem[bytes(condition.code)]
    if not found:
        return ()
    verification = words.status[bytes(condition.verificationStatus)]
    if not _DENIED.isdisjoint(verification):
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
    clinical = words.status[bytes(condition.clinicalStatus)]
    active = not abated and (not _HERE.isdisjoint(clinical) or _GONE.isdisjoint(clinical))
    certain, remission = _UNCERTAIN.isdisjoint(verification), "remission" in clinical
    return [Problem(concept, resource, onset, ended, active, certain, remission, text_only) for concept in found]


def _day(text: str | None, period: Period | None) -> When | None:
    """Return when something was, or None when it is not said or cannot be read."""
    try:
        if text:
            return dates.when(text)
        return dates.span(period) if period is not None else None
    except dates.NotADate:
        return None


def procedures(procedure: Procedure, resource: str, words: Vocabulary) -> Iterator[Finding | Unreadable]:
    """Yield what was done, when it was done; told when the status does not say whether it was."""
    found = () if procedure.status in _NOT_DONE else words.concepts[bytes(procedure.code)]
    done = _day(procedure.performedDateTime, procedure.performedPeriod) if found else None
    for concept in found:
        if procedure.status in _DONE:
            yield Finding(concept, resource, done)
        else:
            yield Unreadable(resource, f"{concept.title}: its status does not say whether it was done")


def relatives(history: FamilyMemberHistory, resource: str, vocabulary: Vocabulary) -> Iterable[Problem]:
    """Return a family history of B12 deficiency as a problem that is there, once; raises what decoding raises."""
    if history.status == "entered-in-error" or not told(history.condition):
        return ()
    index = vocabulary.index
    for inherited in decode_inherited.decode(history.condition) or ():
        code = inherited.code or CodeableConcept()
        known = (index.concept(coding.system or "", coding.code or "") for coding in code.coding)
        coded = any(concept is not None and Role.B12_DIAGNOSIS in concept.roles for concept in known)
        words = " ".join(text for text in (code.text, *displays(code)) if text).lower()
        for word, concept in vocabulary.relative_words:
            if coded or word in words:
                return (Problem(concept, resource, None, None, active=True, certain=True),)
    return ()


def allergies(allergy: AllergyIntolerance, resource: str, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield an allergy to a cobalamin or cobalt that is not refuted, inactive or resolved."""
    denied = not _DENIED.isdisjoint(vocabulary.status[bytes(allergy.verificationStatus)])
    if denied or not _ENDED.isdisjoint(vocabulary.status[bytes(allergy.clinicalStatus)]):
        return
    index = vocabulary.index
    substances = [allergy.code, *(reaction.substance for reaction in allergy.reaction)]
    for substance in substances:
        if substance is None:
            continue
        for coding in substance.coding:
            concept = index.concept(coding.system or "", coding.code or "")
            if concept is not None and Role.COBALAMIN in concept.roles:
                yield Finding(concept, resource, None)
                return
        words = " ".join(t for t in (substance.text, *displays(substance)) if t).lower()
        named = next((c for word, c in index.words if Role.COBALT in c.roles and word in words), None)
        if named is not None:
            yield Finding(named, resource, None)
            return
