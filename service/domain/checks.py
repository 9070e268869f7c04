"""The checks of an unsigned order: hazards first, then dose, route and interval, then what is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from service.domain import pace
from service.domain.doses import looks_like_a_slip
from service.domain.draft import Draft, Stage, is_ours, runs_beside
from service.domain.faults import Finding, Kind, Look, Remedy, Urgency, other_unit
from service.domain.offers import Kind as Offered
from service.domain.orders import MICROGRAMS
from service.domain.pace import Change
from service.domain.record import Course, Exposure, Form
from service.domain.results import in_date
from service.domain.terms import Analyte, Modifier, Role, Route, Status

_B12 = (Analyte.B12, Analyte.ACTIVE_B12)
_BY_MOUTH_OR_NOSE = (Form.ORAL, Form.NASAL)
Check = Callable[[Look], Finding | None]


def findings(look: Look) -> list[Finding]:
    """Return everything that is wrong with a draft, in the order of the vocabulary."""
    found = [f for check in asked_of(look) if (f := check(look)) is not None]
    return sorted(found, key=lambda f: _PLACES[f.kind])


def asked_of(look: Look) -> tuple[Check, ...]:
    """Return the checks that such a draft is put to."""
    if look.draft.b12 is None:
        return _OTHERS
    return _ALWAYS if is_ours(look.draft, look.decision) else (*_ALWAYS, *_UNLESS_OURS)


def looks_for(check: Check) -> Kind:
    """Return what a check is there to find."""
    return Kind(check.__name__.strip("_").replace("_", "-"))


def _allergy(look: Look) -> Finding | None:
    if Modifier.COBALAMIN_ALLERGY not in look.decision.modifiers:
        return None
    return look.found(Kind.ALLERGY, Urgency.CRITICAL, Remedy.REMOVE)


def _leber(look: Look) -> Finding | None:
    b12, drugs = look.draft.b12, look.book.drugs
    if b12 is None or Modifier.LEBER not in look.decision.modifiers:
        return None
    known = drugs.get(b12.concept.id)
    forbidden = known.not_with_leber if known is not None else Role.KIND_NOT_SAID in b12.concept.roles
    return look.found(Kind.LEBER, Urgency.CRITICAL, look.otherwise()) if forbidden else None


def _bleeding(look: Look) -> Finding | None:
    if Modifier.BLEEDING_RISK not in look.decision.modifiers or not look.into_muscle:
        return None
    if look.decision.schedules or not _may_go_under_the_skin(look):
        return look.found(Kind.BLEEDING, Urgency.CRITICAL, look.otherwise())
    change = Change(route=Route.SUBCUTANEOUS)
    return look.found(Kind.BLEEDING, Urgency.CRITICAL, Remedy.CHANGE, change=change)


def _may_go_under_the_skin(look: Look) -> bool:
    b12 = look.draft.b12
    given = pace.regimens(look.decision, b12.concept.id) if b12 is not None else ()
    return any(Route.SUBCUTANEOUS in (*regimen.routes, *regimen.off_label) for regimen in given)


def _dose(look: Look) -> Finding | None:
    b12 = look.draft.b12
    if b12 is None or not looks_like_a_slip(b12, look.book, look.decision.protocol.limits):
        return None
    unit = other_unit(look.draft, b12, look.book)
    if unit is None:
        return look.found(Kind.DOSE, Urgency.WARNING, look.otherwise())
    return look.found(Kind.DOSE, Urgency.WARNING, Remedy.CHANGE, change=Change(unit=unit))


def _route(look: Look) -> Finding | None:
    b12, decision = look.draft.b12, look.decision
    if b12 is None or b12.form not in _BY_MOUTH_OR_NOSE:
        return None
    if look.options:
        if not all(option.route.injected for option in look.options):
            return None
        row = decision.protocol.table[decision.plan.row or ""]
        urgency = Urgency.CRITICAL if look.pressing else Urgency.WARNING
        return look.found(Kind.ROUTE, urgency, Remedy.REPLACE, row.why or "")
    move = decision.protocol.to_tablets
    kept = move is not None and decision.assessment.mechanism in move.never
    if move is None or not kept or decision.assessment.status is not Status.ON_TREATMENT:
        return None
    return look.found(Kind.ROUTE, Urgency.WARNING, Remedy.REMOVE, move.never_because or "")


def _small_dose(look: Look) -> Finding | None:
    b12 = look.draft.b12
    if b12 is None or b12.form is not Form.ORAL or b12.dose is None or b12.every_days is None:
        return None
    first = [option.steps[0] for option in look.options if option.route is Route.ORAL]
    needed = [step.low * MICROGRAMS[step.unit] / pace.days_of(step.timing) for step in first]
    if not needed or b12.dose.at_most(min(needed) * b12.every_days) is not True:
        return None
    if b12.dose.value == min(needed) * b12.every_days:
        return None
    return look.found(Kind.SMALL_DOSE, Urgency.WARNING, Remedy.REPLACE, first[needed.index(min(needed))].text)


def _frequency(look: Look) -> Finding | None:
    change = pace.too_often(look.decision, look.draft)
    if change is None:
        return None
    return look.found(Kind.FREQUENCY, Urgency.WARNING, Remedy.CHANGE, change.text or "", change=change)


def _no_end(look: Look) -> Finding | None:
    change = pace.without_end(look.decision, look.draft) if look.stage is not Stage.SELECT else None
    if change is None or pace.too_often(look.decision, look.draft) is not None:
        return None
    return look.found(Kind.NO_END, Urgency.WARNING, Remedy.CHANGE, change.text or "", change=change)


def _duplicate(look: Look) -> Finding | None:
    """Return that B12 is on record or drafted already; where the draft is the better one, the other is stopped."""
    b12, decision = look.draft.b12, look.decision
    if b12 is None:
        return None
    beside = tuple(e for e in decision.evidence.therapy.active if _is_beside(e, b12, look))
    if beside and all(e.form is not b12.form for e in beside) and _is_a_change(b12, look):
        return look.found(Kind.BESIDE, Urgency.WARNING, Remedy.STOP, stops=beside)
    if beside or any(_is_twice(other, b12, look) for other in _before(look)):
        return look.found(Kind.DUPLICATE, Urgency.WARNING, Remedy.REMOVE, ", ".join(e.resource for e in beside))
    return None


def _is_beside(exposure: Exposure, b12: Exposure, look: Look) -> bool:
    """Return whether an order on record would run beside the draft; a course known by its doses has no order."""
    draft, kind = look.draft, exposure.resource.partition("/")[0]
    if exposure.resource == draft.name or exposure.resource in draft.replaces or kind == "MedicationAdministration":
        return False
    if look.stage is Stage.REFILL and (exposure.concept.id, exposure.form) == (b12.concept.id, b12.form):
        return False
    return runs_beside(exposure, b12, look.decision.evidence.today)


def _is_a_change(b12: Exposure, look: Look) -> bool:
    if look.decision.plan.replaces_therapy:
        return b12.form is Form.INJECTION
    kinds = {offer.kind for offer in look.decision.offers if offer.option is not None}
    return (b12.form is Form.ORAL and Offered.TABLETS in kinds) or (b12.form is Form.NASAL and Offered.NASAL in kinds)


def _before(look: Look) -> Iterator[Draft]:
    """Yield the drafts of B12 that stand before this one and belong to another plan."""
    for other in look.drafts.cobalamins:
        if other.name == look.draft.name:
            return
        if other.group is None or other.group != look.draft.group:
            yield other


def _is_twice(other: Draft, b12: Exposure, look: Look) -> bool:
    """Return whether two drafts are the same treatment twice; steps of one course have intervals of their own."""
    first = other.b12
    if first is None or not runs_beside(first, b12, look.decision.evidence.today):
        return False
    same = (first.concept.id, first.form) == (b12.concept.id, b12.form)
    return not same or first.every_days == b12.every_days


def _unjudged(look: Look) -> Finding | None:
    hazards = look.decision.modifiers.unjudged
    if not hazards or not look.into_muscle:
        return None
    wanted = look.tests((Analyte.INR, Analyte.PLATELETS))
    return look.found(Kind.UNJUDGED, Urgency.WARNING, Remedy.TEST, ", ".join(hazards), tests=wanted) if wanted else None


def _pressure(look: Look) -> Finding | None:
    b12, decision = look.draft.b12, look.decision
    first = decision.protocol.subcutaneous_first
    bleeding = Modifier.BLEEDING_RISK in decision.modifiers
    if b12 is None or bleeding or not decision.modifiers.anticoagulated or b12.concept.id not in first:
        return None
    if look.draft.route is not Route.INTRAMUSCULAR:
        return None
    return look.found(Kind.PRESSURE, Urgency.INFO, Remedy.CHANGE, change=Change(route=Route.SUBCUTANEOUS))


def _oral_serves(look: Look) -> Finding | None:
    first = next(iter(look.options), None)
    # A tablet that bridges to an injection is no better way for the cause.
    if first is None or first.route.injected or first.bridge_to is not None or not look.is_injected:
        return None
    return look.found(Kind.ORAL_SERVES, Urgency.INFO, Remedy.REPLACE)


def _not_known(look: Look) -> Finding | None:
    wanted = look.tests(a for a in look.decision.modifiers.wanted if a in (Analyte.INR, Analyte.PLATELETS))
    if not wanted or not look.into_muscle:
        return None
    return look.found(Kind.NOT_KNOWN, Urgency.INFO, Remedy.TEST, tests=wanted)


def _no_level(look: Look) -> Finding | None:
    """Return that no B12 in date is on record; nobody asks for one of a patient on treatment."""
    evidence = look.decision.evidence
    known = any(in_date(evidence.record, evidence.protocol.limits, a, evidence.today) for a in _B12)
    wanted = look.tests(_level(look))
    if evidence.therapy.active or known or not wanted or not look.drafts.tests.isdisjoint(_B12):
        return None
    return look.found(Kind.NO_LEVEL, Urgency.INFO, Remedy.TEST, tests=wanted)


def _level(look: Look) -> tuple[Analyte]:
    evidence = look.decision.evidence
    active = evidence.pregnant and Analyte.ACTIVE_B12 in evidence.protocol.bands
    return (Analyte.ACTIVE_B12,) if active else (Analyte.B12,)


def _folic_acid(look: Look) -> Finding | None:
    """Return that folic acid would be taken alone by somebody who may be short of B12; in pregnancy it is usual."""
    evidence, status = look.decision.evidence, look.decision.assessment.status
    if not any(Role.FOLIC_ACID in e.concept.roles for e in look.draft.medicines):
        return None
    if look.drafts.cobalamins or evidence.therapy.active or evidence.pregnant:
        return None
    if status in (Status.CONFIRMED, Status.INDETERMINATE) and look.decision.schedules:
        urgency = Urgency.CRITICAL if evidence.neurological else Urgency.WARNING
        return look.found(Kind.FOLIC_ACID, urgency, Remedy.ADD)
    if status is Status.INDETERMINATE:
        wanted = tuple(i for i in look.decision.investigations if look.drafts.tests.isdisjoint(i.analytes))
        return look.found(Kind.FOLIC_ACID_UNTESTED, Urgency.WARNING, Remedy.TEST, tests=wanted) if wanted else None
    if status is Status.CONFIRMED:
        return look.found(Kind.FOLIC_ACID, Urgency.WARNING, Remedy.REMOVE)
    wanted = look.tests(_level(look))
    if status is not Status.UNKNOWN or not wanted or not look.drafts.tests.isdisjoint(_B12):
        return None
    return look.found(Kind.FOLIC_ACID_UNTESTED, Urgency.INFO, Remedy.TEST, tests=wanted)


def _untested(look: Look) -> Finding | None:
    """Return that a medicine which causes deficiency in the long run was taken for long, and B12 never looked at."""
    evidence = look.decision.evidence
    wanted = look.tests(_level(look))
    tested = any(evidence.record.of(analyte) for analyte in _B12)
    if tested or not wanted or not look.drafts.tests.isdisjoint(_B12) or evidence.therapy.active:
        return None
    for attribution in look.decision.assessment.named.found:
        slow = {i.concept for i in attribution.cause.ingredients if i.longer_than_months is not None}
        ordered = {e.concept.id for e in look.draft.medicines} & slow
        taken = {
            e.concept.id
            for e in evidence.record.exposures
            if e.resource in attribution.basis and e.course is not Course.DRAFT
        }
        if ordered & taken:
            why = ", ".join(f"{title} since {start.isoformat()}" for title, start in attribution.since)
            return look.found(Kind.UNTESTED, Urgency.INFO, Remedy.TEST, why, tests=wanted)
    return None


_PLACES = {kind: place for place, kind in enumerate(Kind)}
#: What holds for every draft of B12, our own included: the record may have changed since it was proposed.
_ALWAYS: tuple[Check, ...] = (_allergy, _leber, _bleeding, _unjudged)
_UNLESS_OURS: tuple[Check, ...] = (
    _dose,
    _route,
    _small_dose,
    _duplicate,
    _frequency,
    _no_end,
    _pressure,
    _oral_serves,
    _not_known,
    _no_level,
)
_OTHERS: tuple[Check, ...] = (_folic_acid, _untested)
