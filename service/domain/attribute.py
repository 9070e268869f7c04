"""Why this patient is short of B12: causes found, how sure, ranked; decisions, section 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from service.domain.cause import Attribution, Cause, Ingredient
from service.domain.evidence import Evidence
from service.domain.record import Concept, Course, Exposure, Record, months_after, months_before
from service.domain.results import in_date, is_positive
from service.domain.terms import Analyte, Certainty, Duration, Mechanism, Role

#: The causes that rules, not codes alone, can find; mappings/causes must define them.
AUTOIMMUNE = "pernicious-anaemia"
NITROUS_OXIDE = "nitrous-oxide"
PREGNANCY = "pregnancy"
BREASTFEEDING = "breastfeeding"
TRANSPORT = "transport-or-metabolic-disorder"
UNDETERMINED = "undetermined"
BY_RULE = (AUTOIMMUNE, NITROUS_OXIDE, PREGNANCY, BREASTFEEDING, TRANSPORT, UNDETERMINED)


@dataclass(frozen=True, slots=True)
class PastMedicine:
    """A causal medicine that is named on the card but not blamed."""

    exposure: Exposure
    cause: Cause
    why: str


@dataclass(frozen=True, slots=True)
class Causes:
    """The causes found, the deciding one first, and medicines named without blame."""

    found: tuple[Attribution, ...]
    named: tuple[PastMedicine, ...]


def attribute(evidence: Evidence, causes: Mapping[str, Cause]) -> Causes:
    """Return every cause the record shows, ranked; empty when it shows none."""
    record = evidence.record
    found: list[Attribution] = list(_coded(record, causes, evidence.today))
    found += _antibodies(evidence, causes[AUTOIMMUNE])
    found += _gas(evidence, causes[NITROUS_OXIDE])
    medicines, named = _medicines(evidence, causes.values())
    found += medicines
    merged = _without_vaguer(_merged(found))
    if not merged:
        merged = list(_requirement(evidence, causes))
    return Causes(tuple(sorted(merged, key=lambda a: a.order)), tuple(named))


def suspected_transport(evidence: Evidence, causes: Mapping[str, Cause]) -> Attribution | None:
    """Return a suspected transport or metabolic disorder when the markers are far too high for a deficiency."""
    limits = evidence.protocol.limits
    if evidence.gas:
        return None
    basis = [
        reading.result.resource
        for reading, limit in (
            (evidence.mma, limits.transport_mma),
            (evidence.homocysteine, limits.transport_homocysteine),
        )
        if reading and reading.result.measure and reading.result.measure.above(limit)
    ]
    if not basis:
        return None
    return Attribution(
        causes[TRANSPORT], Certainty.POSSIBLE, tuple(basis), ("markers far above what deficiency explains",)
    )


def undetermined(causes: Mapping[str, Cause]) -> Attribution:
    """Return the attribution that says no cause was found."""
    return Attribution(causes[UNDETERMINED], Certainty.POSSIBLE, (), ())


def _coded(record: Record, causes: Mapping[str, Cause], today: date) -> Iterable[Attribution]:
    for problem in record.problems:
        cause = causes.get(problem.concept.cause or "")
        if cause is None:
            continue
        lasting = problem.remission and cause.duration is Duration.LIFELONG
        if problem.active or lasting:
            certainty = problem.concept.certainty if problem.certain else Certainty.POSSIBLE
            yield _of(problem.concept, cause, certainty, problem.resource)
    for procedure in record.procedures:
        cause = causes.get(procedure.concept.cause or "")
        planned = procedure.when is not None and procedure.when.earliest > today
        if cause is not None and not planned:
            yield _of(procedure.concept, cause, procedure.concept.certainty, procedure.resource)


def _of(concept: Concept, cause: Cause, certainty: Certainty, resource: str) -> Attribution:
    return Attribution(cause, certainty, (resource,), (concept.title,))


def _antibodies(evidence: Evidence, cause: Cause) -> Iterable[Attribution]:
    for result in evidence.antibody:
        yield Attribution(cause, Certainty.ESTABLISHED, (result.resource,), ("intrinsic factor antibody positive",))
    limits, today, record = evidence.protocol.limits, evidence.today, evidence.record
    parietal = [r for r in in_date(record, limits, Analyte.PARIETAL_CELL_ANTIBODY, today) if is_positive(r)]
    gastrin = [r for r in in_date(record, limits, Analyte.GASTRIN, today) if is_positive(r)]
    if parietal and gastrin:
        basis = (parietal[0].resource, gastrin[0].resource)
        why = ("parietal cell antibody positive and gastrin raised",)
        yield Attribution(cause, Certainty.PROBABLE, basis, why)


def _gas(evidence: Evidence, cause: Cause) -> Iterable[Attribution]:
    if evidence.misuse:
        yield Attribution(cause, Certainty.ESTABLISHED, evidence.misuse, ("nitrous oxide misuse",))
    elif evidence.medical_gas:
        why = ("nitrous oxide given shortly before neurology began",)
        yield Attribution(cause, Certainty.PROBABLE, evidence.medical_gas, why)
    else:
        for problem in evidence.record.active_problems(Role.NITROUS_OXIDE_NAMED):
            yield Attribution(cause, Certainty.POSSIBLE, (problem.resource,), (problem.concept.title,))


def _medicines(evidence: Evidence, causes: Iterable[Cause]) -> tuple[list[Attribution], list[PastMedicine]]:
    blamed: list[Attribution] = []
    named: list[PastMedicine] = []
    for cause in causes:
        for ingredient in cause.ingredients:
            known = evidence.record.of_medicine(ingredient.concept)
            orders = [e for e in known if e.course is not Course.DRAFT and e.systemic] if known else []
            if not orders:
                continue
            verdict = _exposure(orders, ingredient, evidence)
            if isinstance(verdict, str):
                named.append(PastMedicine(orders[0], cause, verdict))
            elif verdict:
                title = orders[0].concept.title
                starts = [e.start for e in orders if e.resource in verdict and e.start is not None]
                since = ((title, min(starts)),) if starts else ()
                why = (_named(title, orders, evidence),)
                blamed.append(Attribution(cause, Certainty.PROBABLE, verdict, why, since))
    return blamed, named


def _exposure(orders: list[Exposure], ingredient: Ingredient, evidence: Evidence) -> tuple[str, ...] | str | None:
    """Return the orders that make a long enough exposure, or the words why it is only named, or None."""
    limits, today = evidence.protocol.limits, evidence.today
    dated = sorted((e for e in orders if e.start is not None and e.start <= today), key=lambda e: e.start or today)
    if not dated:
        if ingredient.longer_than_months is None and any(e.course is Course.ACTIVE for e in orders):
            return tuple(sorted(e.resource for e in orders if e.course is Course.ACTIVE))
        return "since when is not on record"
    start, end, chain = dated[0].start or today, _until(dated[0], today), [dated[0]]
    for order in dated[1:]:
        begins = order.start or today
        if begins > months_after(end, limits.exposure_gap_months):
            start, end, chain = begins, begins, []
        chain.append(order)
        end = max(end, _until(order, today))
    if end <= months_before(today, limits.exposure_ended_months):
        return f"ended {end.isoformat()}"
    if ingredient.longer_than_months is not None and end <= months_after(start, ingredient.longer_than_months):
        return f"since {start.isoformat()}"
    return tuple(sorted({e.resource for e in chain}))


def _named(title: str, orders: list[Exposure], evidence: Evidence) -> str:
    """Return a medicine's title, with its end when it is taken no longer."""
    if any(e.course is Course.ACTIVE and _until(e, evidence.today) == evidence.today for e in orders):
        return title
    last = max(_until(e, evidence.today) for e in orders)
    return f"{title}, ended {last.isoformat()}"


def _until(order: Exposure, today: date) -> date:
    if order.end is not None:
        return min(order.end, today)
    if order.course is Course.ACTIVE:
        return today
    return order.start or today


def _merged(found: Iterable[Attribution]) -> list[Attribution]:
    """Return one attribution a cause: the surest, with all it rests on."""
    by_cause: dict[str, Attribution] = {}
    for attribution in found:
        known = by_cause.get(attribution.cause.id)
        if known is None:
            by_cause[attribution.cause.id] = attribution
            continue
        surest = min(known, attribution, key=lambda a: a.certainty.rank)
        by_cause[attribution.cause.id] = surest._replace(
            basis=tuple(sorted({*known.basis, *attribution.basis})),
            why=tuple(sorted({*known.why, *attribution.why})),
            since=tuple(sorted({*known.since, *attribution.since})),
        )
    return list(by_cause.values())


def _without_vaguer(found: list[Attribution]) -> list[Attribution]:
    """Drop a vague cause that a more specific one explains: in the same resource, or with a plan no less demanding."""
    kept = []
    for vague in found:
        explained = any(
            vague.cause.id in specific.cause.replaces
            and (specific.cause.mechanism.rank <= vague.cause.mechanism.rank or set(vague.basis) <= set(specific.basis))
            for specific in found
        )
        if not explained:
            kept.append(vague)
    return kept


def _requirement(evidence: Evidence, causes: Mapping[str, Cause]) -> Iterable[Attribution]:
    """Pregnancy and breastfeeding explain a deficiency only when nothing else does."""
    if evidence.pregnant:
        yield Attribution(causes[PREGNANCY], Certainty.POSSIBLE, evidence.pregnant, ("pregnancy",))
    if evidence.breastfeeding:
        yield Attribution(causes[BREASTFEEDING], Certainty.POSSIBLE, evidence.breastfeeding, ("breastfeeding",))


def mechanism_of(causes: tuple[Attribution, ...]) -> Mechanism:
    """Return the mechanism that decides the plan."""
    return causes[0].cause.mechanism if causes else Mechanism.UNDETERMINED
