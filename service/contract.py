"""The decision as JSON: the contract of `b12-cds evaluate --json`, also carried by every card."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from service.domain.decision import Decision
from service.domain.orders import Schedule
from service.domain.protocol import Step, Timing
from service.domain.terms import Duration
from service.fhir.writing import how_often, number

Json = dict[str, Any]


def assessment(decision: Decision) -> Json:
    """Return what was decided, without the cards; keys and vocabularies as the published schema says."""
    verdict, plan = decision.assessment, decision.plan
    return {
        "protocol": {"id": decision.protocol.id, "version": decision.protocol.version},
        "date": decision.evidence.today.isoformat(),
        "status": verdict.status.value,
        "rule": verdict.rule.id,
        "causes": [
            {
                "id": a.cause.id,
                "mechanism": a.cause.mechanism.value,
                "certainty": a.certainty.value,
                "basis": list(a.basis),
            }
            for a in verdict.causes
        ],
        "modifiers": [modifier.value for modifier in decision.modifiers.present],
        "startNow": verdict.start_now,
        "options": [_option(dated, plan.duration) for _, dated in decision.schedules],
        "notices": list(decision.notices),
        "unreadable": [{"resource": u.resource, "why": u.why} for u in decision.evidence.record.unreadable],
    }


def carried(decision: Decision, said: Json, rule_set: str) -> msgspec.Raw:
    """Return the assessment as every card carries it: with the resources it used and the rule set's version."""
    modifiers = [basis for bases in decision.modifiers.present.values() for basis in bases]
    used = [r.resource for r in decision.assessment.basis]
    used += [basis for cause in decision.assessment.causes for basis in cause.basis]
    resources = list(dict.fromkeys([*used, *modifiers]))
    told = said | {
        "causes": [_without_gaps(cause) for cause in said["causes"]],
        "options": [_carried_option(dated, decision.plan.duration) for _, dated in decision.schedules],
        "resources": resources,
        "ruleSet": rule_set,
    }
    return msgspec.Raw(msgspec.json.encode({key: value for key, value in told.items() if value != []}))


def _without_gaps(value: Any) -> Any:
    """Return JSON without nulls and empty lists, which CDS Hooks does not let travel (A3, A4)."""
    if isinstance(value, dict):
        return {key: _without_gaps(child) for key, child in value.items() if child is not None and child != []}
    return [_without_gaps(child) for child in value] if isinstance(value, list) else value


def repeat(timing: Timing) -> Json:
    """Return how often a step is given, as FHIR Timing.repeat."""
    found: Json = {}
    if timing.weeks is not None and timing.weeks_max is not None:
        found["boundsRange"] = {"low": _weeks(timing.weeks), "high": _weeks(timing.weeks_max)}
    elif timing.weeks is not None:
        found["boundsDuration"] = _weeks(timing.weeks)
    return found | how_often(timing)


def _weeks(weeks: int) -> Json:
    return {"value": weeks, "unit": "week", "system": "http://unitsofmeasure.org", "code": "wk"}


@lru_cache(maxsize=1024)
def _carried_option(dated: Schedule, duration: Duration | None) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(_without_gaps(_option(dated, duration))))


@lru_cache(maxsize=1024)
def _option(dated: Schedule, duration: Duration | None) -> Json:
    """Return an option, the same for every patient of a day: shared, and never changed."""
    option = dated.option
    return {
        "recommended": option.recommended,
        "route": option.drugs[0][1].value,
        "drug": option.drugs[0][0],
        "regimen": option.regimen.id,
        "duration": duration.value if duration else None,
        "phases": [
            _phase(number, step, drug, route.value, start.isoformat() if start else None)
            for number, (step, (drug, route), start) in enumerate(
                zip(option.steps, option.drugs, dated.starts, strict=True), 1
            )
        ],
    }


def _phase(place: int, step: Step, drug: str, route: str, start: str | None) -> Json:
    return {
        "name": step.phase.value,
        "step": place,
        "drug": drug,
        "route": route,
        "dose": {
            "low": number(step.low),
            "high": number(step.high) if step.high is not None else None,
            "unit": step.unit,
        },
        "timing": repeat(step.timing),
        "start": start,
        "condition": step.begins_if or step.ends_when,
    }
