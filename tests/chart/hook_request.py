"""The same chart as an EHR would send it in a CDS Hooks patient-view request."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from .render import SERVER
from .resources import PATIENT, Resource

Belongs = Callable[[Resource], bool]


def patient_view(chart: Resource, keys: Mapping[str, Belongs], *, server: str | None = None) -> dict[str, Any]:
    """A request whose prefetch holds, under each key, the resources that belong there.

    The Patient stands alone under its key; every other key holds a searchset, empty if need be.
    """
    resources = [entry["resource"] for entry in chart["entry"]]
    request: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid5(uuid.NAMESPACE_URL, repr(sorted(each["id"] for each in resources)))),
        "context": {"userId": "Practitioner/practitioner-1", "patientId": PATIENT.split("/")[1]},
        "prefetch": {key: _held([each for each in resources if belongs(each)]) for key, belongs in keys.items()},
    }
    if server:
        request["fhirServer"] = server
    return request


def of_type(*types: str) -> Belongs:
    """Everything of these resource types: the simplest reading of a prefetch template."""
    return lambda resource: resource["resourceType"] in types


def _held(resources: list[Resource]) -> Resource:
    if [each["resourceType"] for each in resources] == ["Patient"]:
        return resources[0]
    entries = [
        {
            "fullUrl": f"{SERVER}/{each['resourceType']}/{each['id']}",
            "resource": each,
            "search": {"mode": "match"},
        }
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
