"""What is accepted is written, stands as it was proposed, and is seen the next time the chart is opened."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from service.fhir.careplan import transaction, urn, urns
from service.sandbox.ehr import SandboxEhr
from service.sandbox.patients import SandboxPatient, bundle, patients
from tests.e2e.charts import newcomer, request_for
from tests.e2e.running import Running

from .agreeing import evaluated_charts
from .emitting import content, drafted
from .families import Server
from .filling import ACCEPT, filled, found
from .test_story import answered, seen

Json = dict[str, Any]
#: What an EHR or its server says of a resource besides what was proposed.
ADDED = frozenset({"id", "meta", "status", "intent", "authoredOn", "requester"})
SIGNED = ("anna-autoimmune", "nora-neurology", "gus-gastrectomy", "vito-vegan")


def everything(base: str, kind: str, patient: str) -> list[Json]:
    headers = ACCEPT | {"Cache-Control": "no-cache"}
    return found(requests.get(f"{base}/{kind}?patient={patient}&_count=100", headers=headers, timeout=30).json(), kind)


def test_what_a_clinician_signs_stands_on_the_server_as_it_was_proposed_and_is_seen_at_the_next_call(
    server: Server, service: Running, ehr: SandboxEhr, today: date, tmp_path: Path
) -> None:
    templates = ehr.service()["prefetch"]
    for like in SIGNED:
        patient = newcomer(server.base, like, today)
        card = answered(service, request_for(patient, fhirServer=server.base))["cards"][0]
        suggestion = next(each for each in card["suggestions"] if each.get("isRecommended"))
        made = [action["resource"] for action in suggestion["actions"] if action["type"] == "create"]

        written = [ehr.read(place) for place in ehr.accept(card, suggestion)]

        assert [content(each, ADDED) for each in written] == [content(each, ADDED) for each in made]
        assert any(each["resourceType"] == "MedicationRequest" for each in written)
        assert all(each["status"] == "active" for each in written)

        chart = bundle(_alike(like, patient), today)
        chart["entry"] += [{"resource": each} for each in written]
        expected = evaluated_charts({patient: chart}, "us-aafp", today, tmp_path)[patient]
        asked = request_for(patient, fhirServer=server.base)
        assert seen(service, asked) == expected
        assert seen(service, asked | {"prefetch": filled(server.base, templates, patient)}) == expected


def test_a_careplan_and_its_orders_are_written_once_however_often_they_are_sent(server: Server, today: date) -> None:
    for like in SIGNED:
        patient = newcomer(server.base, like, today)
        drafts = next(drafted(_alike(like, patient), "us-aafp", today))

        first, second = (_sent(server, transaction(drafts)) for _ in range(2))

        assert {status[:3] for status in first} == {"201"}
        assert {status[:3] for status in second} == {"200"}
        (plan,) = everything(server.base, "CarePlan", patient)
        ours = {urn(draft): draft for draft in drafts}
        orders = {kind: everything(server.base, kind, patient) for kind in ("MedicationRequest", "ServiceRequest")}
        kept = {name: f"{kind}/{each['id']}" for kind, found in orders.items() for each in found for name in urns(each)}
        named = [urn(draft) for draft in drafts[:-1]]
        assert plan["title"] == ours[urn(drafts[-1])]["title"]
        assert [each["reference"]["reference"] for each in plan["activity"] if "reference" in each] == [
            kept[name] for name in named
        ]


@pytest.mark.families("medplum")
def test_medplum_rewrites_the_names_of_entries_wherever_they_stand(server: Server, today: date) -> None:
    patient = newcomer(server.base, "anna-autoimmune", today)
    draft = next(drafted(_alike("anna-autoimmune", patient), "us-aafp", today))[0]
    entry = {
        "fullUrl": urn(draft),
        "resource": draft,
        "request": {"method": "POST", "url": draft["resourceType"]},
    }

    _sent(server, {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    (kept,) = (each for each in everything(server.base, draft["resourceType"], patient) if each.get("identifier"))
    assert urn(draft) not in urns(kept)
    assert f"{kept['resourceType']}/{kept['id']}" in urns(kept)


@pytest.mark.families("hapi")
def test_hapi_answers_a_repeated_search_from_memory_unless_it_is_told_not_to(
    server: Server, service: Running, ehr: SandboxEhr, today: date
) -> None:
    patient = newcomer(server.base, "anna-autoimmune", today)
    url = f"{server.base}/MedicationRequest?patient={patient}&_count=200"

    def orders(**more: str) -> int:
        return len(found(requests.get(url, headers=ACCEPT | more, timeout=30).json(), "MedicationRequest"))

    before = orders()
    order = next(each for each in next(drafted(_alike("anna-autoimmune", patient), "us-aafp", today)))
    requests.post(f"{server.base}/MedicationRequest", json=order, timeout=30).raise_for_status()

    assert orders() == before
    assert orders(**{"Cache-Control": "no-cache"}) == before + 1


def _alike(like: str, patient: str) -> SandboxPatient:
    return replace(next(each for each in patients() if each.id == like), id=patient)


def _sent(server: Server, whole: Json) -> list[str]:
    answer = requests.post(server.base, json=whole, headers=ACCEPT, timeout=60)
    assert answer.ok, answer.text
    return [entry["response"]["status"] for entry in answer.json()["entry"]]
