"""From a suggestion's actions to what the EHR writes: one transaction, all or nothing."""

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Any

from service.sandbox.resources import CLINICIAN
from service.sandbox.wire import Json, NotUnderstoodError

ORDERS = frozenset({"MedicationRequest", "ServiceRequest"})
# What a service may mint anew on each call, and what therefore says nothing about an order's content.
PASSING = frozenset({"id", "uuid", "identifier", "groupIdentifier"})


class Intention(Enum):
    """What the clinician does with a suggestion."""

    SIGN = "sign"
    DRAFT = "draft"


def transaction(suggestion: Json, intention: Intention, now: datetime) -> Json:
    """The Bundle that carries a suggestion out, or keeps its new orders as drafts."""
    actions = suggestion.get("actions") or []
    if intention is Intention.DRAFT:
        actions = [action for action in actions if action.get("type") == "create"]
    if not actions:
        raise NotUnderstoodError("Nothing to write", "The suggestion has no action for this.")
    places = places_of([a.get("resource") or {} for a in actions if a.get("type") == "create"])
    entries = [_entry(action, intention, now, places) for action in actions]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def digest(suggestion: Json) -> str:
    """A fingerprint of what the clinician saw, so that nothing else is signed than what was shown."""
    content = {"label": suggestion.get("label"), "actions": _lasting(suggestion.get("actions") or [])}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _entry(action: Json, intention: Intention, now: datetime, places: dict[str, str]) -> Json:
    kind = action.get("type")
    if kind == "delete":
        return {"request": {"method": "DELETE", "url": _deleted(action)}}
    resource = repointed(action.get("resource"), places)
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise NotUnderstoodError("An action cannot be carried out", f"A {kind} action has no resource.")
    name = resource["resourceType"]
    if kind == "update" and resource.get("id"):
        return {"resource": resource, "request": {"method": "PUT", "url": f"{name}/{resource['id']}"}}
    if kind != "create":
        raise NotUnderstoodError("An action cannot be carried out", f"This is no action an EHR knows: {kind}.")
    full_url = places.get(f"{name}/{resource.pop('id', None)}") or f"urn:uuid:{uuid.uuid4()}"
    if name in ORDERS:
        resource = as_ordered(resource, intention, now)
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": name}}


def as_ordered(proposal: Json, intention: Intention, now: datetime) -> Json:
    """A draft stays the service's proposal; a signature makes it an active order of the one who signs."""
    if intention is Intention.DRAFT:
        return proposal | {"status": "draft"}
    signed = {
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": {"reference": f"Practitioner/{CLINICIAN}"},
    }
    return signed | proposal | {"status": "active", "intent": "order"}


def _deleted(action: Json) -> str:
    target = action.get("resourceId")
    if isinstance(target, list):  # CDS Hooks 3.0 writes an array
        target = target[0] if len(target) == 1 else None
    if not isinstance(target, str) or target.count("/") != 1:
        raise NotUnderstoodError("An action cannot be carried out", "A delete action has no resourceId Type/id.")
    return target


def places_of(new: Iterable[Json]) -> dict[str, str]:
    """For each new resource with a provisional id, the URL by which the others may mean it."""
    return {
        f"{resource['resourceType']}/{resource['id']}": f"urn:uuid:{uuid.uuid4()}"
        for resource in new
        if resource.get("id") and resource.get("resourceType")
    }


def repointed(value: Any, places: dict[str, str]) -> Any:
    """A copy whose references to other new resources follow them to their new place."""
    if isinstance(value, list):
        return [repointed(item, places) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: repointed(item, places) for key, item in value.items()}
    if isinstance(copy.get("reference"), str):
        copy["reference"] = places.get(copy["reference"], copy["reference"])
    return copy


def _lasting(value: Any) -> Any:
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _lasting(item) for key, item in value.items() if key not in PASSING}
