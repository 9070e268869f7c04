"""The same patients on another server are the same patients: every answer is the one that `b12-cds evaluate` gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from cds_hooks.invariants import check_response
from service.sandbox.ehr import ASSESSMENT, PROTOCOL, SandboxEhr
from tests.e2e.charts import request_for
from tests.e2e.running import Running

from .agreeing import Pictures, picture
from .families import Server
from .filling import filled, found, next_link

Json = dict[str, Any]
Expected = Callable[[str], Pictures]


def everyone(server: Server) -> list[str]:
    return [patient.id for patient in server.people]


def answered(service: Running, body: Json) -> Json:
    answer = service.call(body)
    assert answer.status_code == 200, answer.text
    said: Json = answer.json()
    assert {rule for rule in check_response(said) if rule != "A3"} == set()
    return said


def seen(service: Running, body: Json) -> Json:
    return picture(answered(service, body)["extension"][ASSESSMENT])


@pytest.mark.parametrize("protocol", ["us-aafp", "uk-ng239"])
def test_prefetch_filled_by_the_server_s_own_search_is_answered_as_the_chart_itself(
    server: Server, service: Running, ehr: SandboxEhr, expected: Expected, protocol: str
) -> None:
    templates = ehr.service()["prefetch"]
    asked = {
        who: request_for(who, prefetch=filled(server.base, templates, who), extension={PROTOCOL: protocol})
        for who in everyone(server)
    }

    assert all(set(body["prefetch"]) == set(templates) for body in asked.values())
    assert {who: seen(service, body) for who, body in asked.items()} == expected(protocol)


def test_without_prefetch_the_service_asks_the_server_itself(
    server: Server, service: Running, expected: Expected
) -> None:
    asked = {who: request_for(who, fhirServer=server.base) for who in everyone(server)}

    assert {who: seen(service, body) for who, body in asked.items()} == expected("us-aafp")


def test_what_was_not_prefetched_is_asked_for(
    server: Server, service: Running, ehr: SandboxEhr, expected: Expected
) -> None:
    some = {key: url for key, url in ehr.service()["prefetch"].items() if key in ("patient", "conditions", "bloods")}
    asked = {
        who: request_for(who, prefetch=filled(server.base, some, who), fhirServer=server.base)
        for who in everyone(server)
    }

    assert {who: seen(service, body) for who, body in asked.items()} == expected("us-aafp")


@pytest.mark.families("hapi", "sekmet")
def test_every_page_of_a_small_count_is_followed(
    server: Server, service: Running, ehr: SandboxEhr, expected: Expected
) -> None:
    templates = ehr.service()["prefetch"]
    first = {who: filled(server.base, templates, who, count=2) for who in everyone(server)}
    links = [next_link(answer) for answers in first.values() for answer in answers.values()]
    asked = {who: request_for(who, prefetch=first[who], fhirServer=server.base) for who in everyone(server)}

    assert sum(link is not None for link in links) > len(first)
    assert {who: seen(service, body) for who, body in asked.items()} == expected("us-aafp")


@pytest.mark.families("medplum")
def test_medplum_s_memory_cuts_a_page_without_a_next_link(server: Server) -> None:
    page = requests.get(f"{server.base}/Condition?_count=2", timeout=10).json()

    assert len(page["entry"]) == 2
    assert page["total"] > 2
    assert next_link(page) is None


@pytest.mark.families("medplum")
def test_medplum_s_router_alone_finds_nothing_by_a_bare_patient_id(server: Server) -> None:
    alone = server.base.replace("/fhir", "/router")

    def conditions(patient: str) -> list[Json]:
        return found(requests.get(f"{alone}/Condition?patient={patient}", timeout=10).json(), "Condition")

    assert conditions("anna-autoimmune") == []
    assert conditions("Patient/anna-autoimmune") != []
