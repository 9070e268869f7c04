"""HAPI's own validator finds no error in anything that the service gives to be written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import requests

from service.evaluate import shipped
from service.sandbox.patients import patients

from .emitting import content, drafted, proposed
from .families import Server
from .filling import ACCEPT

Json = dict[str, Any]
NAMES = frozenset({"id", "identifier", "groupIdentifier"})
PROTOCOLS = sorted(shipped().book.protocols)


def errors(server: Server, resource: Json) -> list[str]:
    """What the validator calls an error or worse."""
    kind = resource["resourceType"]
    answer = requests.post(f"{server.base}/{kind}/$validate", json=resource, headers=ACCEPT, timeout=120)
    issues = answer.json()["issue"]
    return [f"{kind}: {each['diagnostics']}" for each in issues if each["severity"] in ("error", "fatal")]


@pytest.mark.families("hapi")
def test_hapi_s_validator_finds_no_error_in_anything_we_give_to_be_written(
    server: Server, today: date, record_property: Callable[[str, object], None]
) -> None:
    given: dict[str, Json] = {}
    for patient in patients():
        for protocol in PROTOCOLS:
            drafts = [draft for plan in drafted(patient, protocol, today) for draft in plan]
            for resource in (*proposed(patient, protocol, today), *drafts):
                # The same but for its name is the same to a validator.
                given[json.dumps(content(resource, NAMES), sort_keys=True)] = resource
    kinds = Counter(resource["resourceType"] for resource in given.values())

    found = [(why, resource) for resource in given.values() if (why := errors(server, resource))]

    record_property("count", f"HAPI validated {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}")
    assert set(kinds) >= {"MedicationRequest", "ServiceRequest", "CarePlan"}
    assert found == []


@pytest.mark.families("hapi")
def test_hapi_s_validator_can_find_an_error(server: Server, today: date) -> None:
    order = next(each for each in proposed(patients()[0], "us-aafp", today) if each["resourceType"].startswith("Med"))

    assert errors(server, order) == []
    assert errors(server, order | {"status": "bogus"}) != []
    assert errors(server, {key: value for key, value in order.items() if key != "subject"}) != []
