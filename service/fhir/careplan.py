"""FHIR R4 out: a draft CarePlan over a plan's orders, and the one transaction that writes all of them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from service.fhir import gate
from service.fhir.writing import Circumstances
from service.ids import Space, named

Json = dict[str, Any]
_URN = "urn:ietf:rfc:3986"
_PLAN = Space("urn:b12-cds:careplan")
_PLACE = Space("urn:b12-cds:entry")


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done by hand between two days, in words."""

    words: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Words:
    """What a CarePlan says of itself; each note is a paragraph."""

    title: str
    description: str
    notes: tuple[str, ...] = ()


def care_plan(
    words: Words, orders: Sequence[Json], planned: Sequence[Planned], about: Circumstances, start: date, end: date
) -> Json:
    """Return a complete draft CarePlan that refers to its orders as entries of one transaction."""
    activity: list[Json] = [{"reference": {"reference": place(order)}} for order in orders]
    activity += [{"detail": _detail(each)} for each in planned]
    plan: Json = {
        "resourceType": "CarePlan",
        "identifier": [{"system": _URN, "value": f"urn:uuid:{named(_PLAN, about.seed)}"}],
        "status": "draft",
        "intent": "proposal",
        "title": words.title,
        "description": words.description,
        "subject": {"reference": f"Patient/{about.patient}"},
        "period": {"start": start.isoformat(), "end": end.isoformat()},
        "created": about.today.isoformat(),
    }
    if about.encounter:
        plan["encounter"] = {"reference": f"Encounter/{about.encounter}"}
    if about.conditions:
        plan["addresses"] = [{"reference": reference} for reference in about.conditions]
    if about.supporting:
        plan["supportingInfo"] = [{"reference": reference} for reference in about.supporting]
    if activity:
        plan["activity"] = activity
    if words.notes:
        plan["note"] = [{"text": text} for text in words.notes]
    return plan


def transaction(resources: Sequence[Json]) -> Json:
    """Return one transaction that creates each resource unless it is there; raises gate.GateError for a faulty one."""
    faults = tuple(problems(resources))
    if faults:
        raise gate.GateError(faults)
    entries = [
        {
            "fullUrl": place(resource),
            "resource": resource,
            "request": {
                "method": "POST",
                "url": resource["resourceType"],
                "ifNoneExist": f"identifier={_URN}|{urn(resource)}",
            },
        }
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def urn(resource: Json) -> str:
    """Return the urn:uuid that names a resource of ours ever after."""
    return str(next(i["value"] for i in resource["identifier"] if i["system"] == _URN))


def place(resource: Json) -> str:
    """Return the urn:uuid of a resource's entry: not its name, which some servers would rewrite with the references."""
    return f"urn:uuid:{named(_PLACE, urn(resource))}"


def urns(resource: Json) -> frozenset[str]:
    """Return the names by which a resource of any server may be known as ours."""
    return frozenset(str(i.get("value")) for i in resource.get("identifier") or () if i.get("system") == _URN)


def problems(resources: Sequence[Json]) -> Iterator[str]:
    """Yield everything wrong with what is to be written together, each with its place."""
    held = {place(resource) for resource in resources}
    for resource in resources:
        yield from gate.check(resource)
        if resource["resourceType"] == "CarePlan":
            yield from _own(resource, held)


def _own(plan: Json, held: set[str]) -> Iterator[str]:
    """Yield what FHIR's schema does not say of a CarePlan: cpl-3, and that each order referred to is written too."""
    for place, activity in enumerate(plan.get("activity", ())):
        if ("reference" in activity) == ("detail" in activity):
            yield f"CarePlan.activity.{place}: a reference or a detail, not both (cpl-3)"
        reference = activity.get("reference", {}).get("reference", "")
        if reference.startswith("urn:uuid:") and reference not in held:
            yield f"CarePlan.activity.{place}.reference: {reference} is not written with it"


def _detail(planned: Planned) -> Json:
    return {
        "status": "not-started",
        "description": planned.words,
        "scheduledPeriod": {"start": planned.first.isoformat(), "end": planned.last.isoformat()},
    }
