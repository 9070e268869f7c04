"""What a patient on treatment may be offered where it is asked for: tablets, the nasal spray, an end of treatment.

An offer is never a plan and never pushed: decisions, sections 5 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

from service.domain.assess import Assessment
from service.domain.attribute import BREASTFEEDING, PREGNANCY
from service.domain.cause import Cause
from service.domain.evidence import Evidence
from service.domain.intervals import Course as Given
from service.domain.modifiers import Modifiers
from service.domain.orders import Schedule, schedule
from service.domain.protocol import Move, Regimen
from service.domain.recommend import Option
from service.domain.record import Course, Exposure, Form, Problem, months_before
from service.domain.response import Response, Verdict
from service.domain.results import Marker, in_date, is_low, newest, read_marker
from service.domain.terms import Analyte, Duration, Mechanism, Modifier, Role, Status

#: With these an injection stays: tablets are forbidden, not taken, or too slow.
_BARRING = (
    Modifier.NEUROLOGICAL,
    Modifier.SEVERE_ANAEMIA,
    Modifier.ADHERENCE,
    Modifier.SWALLOWING,
    Modifier.LEBER,
    Modifier.COBALAMIN_ALLERGY,
)
_ENDING = (Duration.WHILE_CAUSE_PERSISTS, Duration.UNTIL_REVIEW)
#: Causes that explain nothing by themselves, so that a resolved one may have been the whole reason.
_OPEN = (Mechanism.UNDETERMINED,)


class Kind(StrEnum):
    """What is offered."""

    TABLETS = "tablets"
    NASAL = "nasal"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A cause that is over: since when, and the resources that say so."""

    cause: Cause
    title: str
    since: date
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer: the maintenance it starts and the courses it stops; or, with `refused`, why the protocol makes none."""

    kind: Kind
    option: Option | None = None
    dated: Schedule | None = None
    stops: tuple[Exposure, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    refused: str | None = None


def offers(
    evidence: Evidence,
    assessment: Assessment,
    found: Modifiers,
    response: Response | None,
    given: Given,
    causes: Mapping[str, Cause],
) -> tuple[Offer, ...]:
    """Return what may be offered to a patient who is stable on treatment; nothing to anybody else."""
    if assessment.status is not Status.ON_TREATMENT or response is None or not _stable(evidence, response, given):
        return ()
    if evidence.therapy.drafts or assessment.mechanism is Mechanism.TRANSPORT_METABOLIC:
        return ()
    stop = _stop(evidence, assessment, causes)
    moves = _moves(evidence, assessment, found) if evidence.therapy.injected else ()
    return (*moves, stop) if stop is not None else tuple(moves)


def _stable(evidence: Evidence, response: Response, given: Given) -> bool:
    """Return whether treatment is past repletion, works as far as is known, and is given as it should be."""
    if response.verdict in (Verdict.POOR, Verdict.TOO_EARLY) or given.astray or evidence.neurology:
        return False
    if evidence.haemoglobin and is_low(evidence.haemoglobin, evidence.protocol.limits.haemoglobin_anaemia):
        return False
    # Without a start on record nobody knows that the stores are full.
    began, weeks = response.since, timedelta(weeks=evidence.protocol.limits.treated_weeks)
    return began is not None and evidence.today - began >= weeks


def _moves(evidence: Evidence, assessment: Assessment, found: Modifiers) -> Iterator[Offer]:
    if any(modifier in found for modifier in _BARRING):
        return
    protocol = evidence.protocol
    if protocol.to_tablets is not None:
        yield _move(Kind.TABLETS, protocol.to_tablets, _tablets(evidence, assessment), evidence, assessment)
    if protocol.to_nasal is not None and _in_remission(evidence):
        yield _move(Kind.NASAL, protocol.to_nasal, protocol.to_nasal.regimen, evidence, assessment)


def _move(kind: Kind, move: Move, regimen: Regimen, evidence: Evidence, assessment: Assessment) -> Offer:
    if assessment.mechanism in move.never:
        return Offer(kind, refused=move.never_because)
    option = _maintained(regimen)
    pregnant = bool(evidence.pregnant or evidence.breastfeeding)
    dated = schedule(option, evidence.protocol, evidence.today, pregnant=pregnant)
    if dated is None:
        return Offer(kind, refused="no product on the protocol's list can give the dose")
    stops = tuple(e for e in evidence.therapy.active if e.form is Form.INJECTION)
    return Offer(kind, option, dated, stops)


def _tablets(evidence: Evidence, assessment: Assessment) -> Regimen:
    """Return the tablets of the cause's own row, as far as it has some, else those of the protocol's move."""
    protocol, usual = evidence.protocol, evidence.protocol.to_tablets
    choices = protocol.table[assessment.mechanism.value].choices
    own = next((c.regimen for c in choices if not c.regimen.injected and not c.extent_unknown_only), None)
    regimen = own or (usual.regimen if usual else choices[0].regimen)
    if evidence.pregnant or evidence.breastfeeding:
        return protocol.pregnancy_swaps.get(regimen.id, regimen)
    return regimen


@lru_cache(maxsize=64)
def _maintained(regimen: Regimen) -> Option:
    """Return the maintenance of a regimen as an option that begins at once."""
    steps = tuple(replace(step, begins_if=None) for step in regimen.maintenance)
    drugs = tuple((regimen.drug, regimen.routes[0]) for _ in steps)
    return Option(regimen, regimen.routes[0], steps, drugs, recommended=False)


def _in_remission(evidence: Evidence) -> bool:
    """Return whether haemoglobin and cell size are known, in date and normal."""
    limits, haemoglobin = evidence.protocol.limits, evidence.haemoglobin
    cells = newest(in_date(evidence.record, limits, Analyte.MCV, evidence.today), worst_high=True)
    if haemoglobin is None or cells is None:
        return False
    low = is_low(haemoglobin, limits.haemoglobin_anaemia)
    return low is False and read_marker(cells, limits.mcv_raised) is Marker.NORMAL


def _stop(evidence: Evidence, assessment: Assessment, causes: Mapping[str, Cause]) -> Offer | None:
    """Return the offer to stop when every cause that explained the deficiency is over."""
    over = resolved(evidence, assessment, causes)
    gone = {r.cause.id for r in over}
    lasting = [a for a in assessment.causes if a.cause.id not in gone and a.cause.mechanism not in _OPEN]
    if not over or lasting or evidence.pregnant or evidence.breastfeeding:
        return None
    return Offer(Kind.STOP, stops=evidence.therapy.active, resolved=over)


def resolved(evidence: Evidence, assessment: Assessment, causes: Mapping[str, Cause]) -> tuple[Resolved, ...]:
    """Return the causes that were there when treatment began, or shortly before, and are over since."""
    began = [day for course in evidence.therapy.active if (day := evidence.therapy.began(course)) is not None]
    if not began:
        return ()
    oldest = months_before(min(began), evidence.protocol.limits.exposure_ended_months)
    problems = (_over(problem, causes) for problem in evidence.record.problems)
    found = [r for r in problems if r is not None] + list(_medicines(evidence, causes))
    still = {a.cause.id for a in assessment.causes if not _ended(evidence, a.basis)}
    newest_last = sorted(found, key=lambda r: (r.since, r.resources))
    kept = {r.cause.id: r for r in newest_last if oldest <= r.since <= evidence.today and r.cause.id not in still}
    return tuple(kept.values())


def _over(problem: Problem, causes: Mapping[str, Cause]) -> Resolved | None:
    roles = problem.concept.roles
    by_role = PREGNANCY if Role.PREGNANCY in roles else BREASTFEEDING if Role.BREASTFEEDING in roles else None
    cause = causes.get(problem.concept.cause or by_role or "")
    if cause is None or cause.duration not in _ENDING or problem.active or problem.remission or not problem.certain:
        return None
    if problem.ended is None:
        return None
    return Resolved(cause, problem.concept.title, problem.ended.latest, (problem.resource,))


def _medicines(evidence: Evidence, causes: Mapping[str, Cause]) -> Iterator[Resolved]:
    """Yield the causal medicines that are no longer taken."""
    for cause in causes.values():
        for ingredient in cause.ingredients:
            orders = [e for e in evidence.record.of_medicine(ingredient.concept) if e.systemic]
            taken = [e for e in orders if e.course is not Course.DRAFT]
            ends = [e.end or e.start for e in taken]
            if not taken or any(e.course is Course.ACTIVE for e in taken):
                continue
            if cause.duration in _ENDING and (known := [day for day in ends if day is not None]):
                names = tuple(sorted(e.resource for e in taken))
                yield Resolved(cause, taken[0].concept.title, max(known), names)


def _ended(evidence: Evidence, basis: tuple[str, ...]) -> bool:
    """Return whether a cause rests on medicines alone, and none of them is taken still."""
    orders = [e for e in evidence.record.exposures if e.resource in basis]
    return len({e.resource for e in orders}) == len(basis) > 0 and all(e.course is not Course.ACTIVE for e in orders)
