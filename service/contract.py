"""The decision as JSON: the contract of `b12-cds evaluate --json`, also carried by every card."""

from __future__ import annotations

from typing import Any

from service.domain.decision import Decision
from service.domain.orders import Schedule
from service.domain.protocol import Step, Timing
from service.domain.recommend import Option
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
        "options": [_option(o, s, plan.duration.value if plan.duration else None) for o, s in decision.schedules],
        "notices": list(decision.notices),
        "unreadable": [{"resource": u.resource, "why": u.why} for u in decision.evidence.record.unreadable],
    }


def carried(decision: Decision, said: Json, rule_set: str) -> Json:
    """Return the assessment as a card carries it: with the resources it used and the rule set's version."""
    modifiers = [basis for bases in decision.modifiers.present.values() for basis in bases]
    used = [r.resource for r in decision.assessment.basis]
    used += [basis for cause in decision.assessment.causes for basis in cause.basis]
    resources = list(dict.fromkeys([*used, *modifiers]))
    told: Json = _without_gaps(said | {"resources": resources, "ruleSet": rule_set})
    return told


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


def _option(option: Option, dated: Schedule, duration: str | None) -> Json:
    return {
        "recommended": option.recommended,
        "route": option.drugs[0][1].value,
        "drug": option.drugs[0][0],
        "regimen": option.regimen.id,
        "duration": duration,
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
