"""Which differences between guidelines matter for this patient, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from service.domain.assess import Assessment
from service.domain.dispute import Conflict, Matter
from service.domain.evidence import Evidence
from service.domain.modifiers import Modifiers
from service.domain.protocol import Book, Protocol
from service.domain.recommend import Option, Plan
from service.domain.results import band_of
from service.domain.terms import Analyte, Certainty, Mechanism, Modifier, Status
from service.domain.workup import at_risk_untested

Wanted = frozenset[str]
Disputed = tuple[tuple[Conflict, tuple[str, ...]], ...]


class Seen(NamedTuple):
    """All that the tests of a conflict look at: patients who look the same have the same conflicts."""

    status: Status
    rule: str
    mechanism: Mechanism
    causes: tuple[str, ...]
    modifiers: frozenset[Modifier]
    option: Option | None
    injected: bool
    start_now: bool
    unsure: bool
    symptomatic: bool
    bands_differ: bool
    at_risk_untested: bool


def disputed(evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan, book: Book) -> Disputed:
    """Return the conflicts between guidelines that matter for this patient, each with why."""
    return _disputed(book.conflicts, seen(evidence, assessment, found, plan, book.protocols.values()))


def seen(
    evidence: Evidence, assessment: Assessment, found: Modifiers, plan: Plan, protocols: Iterable[Protocol]
) -> Seen:
    """Return what the tests look at in a patient, and the plan that is recommended."""
    first = assessment.causes[0] if assessment.causes else None
    mechanism = assessment.mechanism
    unknown = assessment.status is Status.UNKNOWN
    return Seen(
        # Prevention is treatment, though nothing is confirmed.
        status=Status.INDETERMINATE if assessment.prevention else assessment.status,
        rule=assessment.rule.id,
        mechanism=mechanism,
        causes=tuple(a.cause.id for a in assessment.causes),
        modifiers=frozenset(found.present),
        option=plan.options[0] if plan.options else None,
        injected=evidence.therapy.injected,
        start_now=assessment.start_now,
        unsure=first is None or first.certainty is Certainty.POSSIBLE or mechanism is Mechanism.UNDETERMINED,
        symptomatic=evidence.any_symptom,
        bands_differ=_bands_differ(evidence, protocols),
        at_risk_untested=unknown and at_risk_untested(evidence, assessment),
    )


def _bands_differ(evidence: Evidence, protocols: Iterable[Protocol]) -> bool:
    """Return whether two protocols have a band for this total B12, and not the same: no band is no other view."""
    b12 = evidence.b12
    if b12 is None or b12.analyte is not Analyte.B12:
        return False
    return len({band_of(b12, protocol) for protocol in protocols} - {None}) > 1


@lru_cache(maxsize=4096)
def _disputed(conflicts: tuple[Conflict, ...], patient: Seen) -> Disputed:
    """Return the conflicts that matter, which nothing else of the patient changes."""
    reasons = ((conflict, _first(conflict.when, patient)) for conflict in conflicts)
    return tuple((conflict, why) for conflict, why in reasons if why is not None)


def _first(kinds: Iterable[Matter], patient: Seen) -> tuple[str, ...] | None:
    return next((why for kind in kinds if (why := _because(kind, patient)) is not None), None)


def _because(kind: Matter, patient: Seen) -> tuple[str, ...] | None:
    """Return why a patient is of this kind, or None when the status or a test fails."""
    if patient.status not in kind.statuses:
        return None
    reasons = [TESTS[name](patient, wanted) for name, wanted in kind.tests]
    return None if None in reasons else tuple(reason for reason in reasons if reason)


def _if(holds: bool, words: str) -> str | None:
    return words if holds else None


def _named(kind: str, present: Iterable[str], wanted: Wanted) -> str | None:
    both = sorted(name for name in present if name in wanted)
    return f"{kind} {', '.join(both)}" if both else None


def _regimen(patient: Seen, wanted: Wanted) -> str | None:
    return _named("the plan is", (patient.option.regimen.id,) if patient.option else (), wanted)


def _injects(patient: Seen, wanted: Wanted) -> str | None:
    option = patient.option
    drugs = (option.regimen.drug,) if option is not None and option.route.injected else ()
    return _named("the plan injects", drugs, wanted)


#: What a kind of patient can be told by: the keys of `when` in mappings/conflicts.yaml.
TESTS: Mapping[str, Callable[[Seen, Wanted], str | None]] = {
    "rules": lambda p, wanted: _named("rule", (p.rule,), wanted),
    "mechanisms": lambda p, wanted: _named("the mechanism is", (p.mechanism,), wanted),
    "causes": lambda p, wanted: _named("the cause", p.causes, wanted),
    "modifiers": lambda p, wanted: _named("modifier", p.modifiers, wanted),
    "unless": lambda p, wanted: _if(wanted.isdisjoint(p.modifiers), ""),
    "regimens": _regimen,
    "plan_injects": _injects,
    "plan_routes": lambda p, wanted: _named("the plan is", (p.option.route,) if p.option else (), wanted),
    "on_injections": lambda p, _: _if(p.injected, "B12 injections on record"),
    "start_now": lambda p, _: _if(p.start_now, "treatment starts now"),
    "symptomatic": lambda p, _: _if(p.symptomatic, "a symptom is coded"),
    "cause_unsure": lambda p, _: _if(p.unsure, "the cause is not settled"),
    "band_differs": lambda p, _: _if(p.bands_differ, "the protocols put this B12 in different bands"),
    "at_risk_untested": lambda p, _: _if(p.at_risk_untested, "at risk and never tested"),
}
