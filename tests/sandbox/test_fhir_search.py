"""Searching the sandbox's FHIR server over real HTTP: what our prefetch templates ask for, and what pages do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from service.consult import following
from service.prefetch import templates
from service.sandbox.fhir_server import FhirServer

Json = dict[str, Any]
DAY = date(2028, 2, 29)
LOINC = "http://loinc.org"


def observation(number: int, code: str, patient: str = "ann") -> Json:
    coding = [{"system": LOINC, "code": code, "display": f"Test of {code}"}]
    return {
        "resourceType": "Observation",
        "id": f"{patient}-{number}",
        "status": "final" if number % 2 else "amended",
        "code": {"coding": coding},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": (DAY - timedelta(days=(number * 7) % 45)).isoformat(),
        "valueQuantity": {"value": number, "unit": "ng/L"},
    }


def of_everyone() -> Iterator[Json]:
    for patient in ("ann", "bob"):
        yield {"resourceType": "Patient", "id": patient, "name": [{"family": "Ñuñez", "given": [patient.title()]}]}
        subject = {"reference": f"Patient/{patient}"}
        yield {"resourceType": "Condition", "id": f"{patient}-c", "code": {"text": "Tingling"}, "subject": subject}
        yield {"resourceType": "Procedure", "id": f"{patient}-p", "status": "completed", "subject": subject}
        yield {
            "resourceType": "AllergyIntolerance",
            "id": f"{patient}-a",
            "patient": subject,
            "code": {"text": "Hydroxocobalamin"},
        }
        yield {
            "resourceType": "FamilyMemberHistory",
            "id": f"{patient}-f",
            "status": "completed",
            "patient": subject,
            "relationship": {"text": "mother"},
        }
        for kind, more in (
            ("MedicationRequest", {"status": "active", "intent": "order"}),
            ("MedicationStatement", {"status": "active"}),
            ("MedicationAdministration", {"status": "completed", "effectiveDateTime": DAY.isoformat()}),
        ):
            medicine = {"medicationCodeableConcept": {"text": "metformin"}}
            yield {"resourceType": kind, "id": f"{patient}-{kind[10:]}", "subject": subject, **medicine, **more}
    yield from (observation(number, ("2132-9", "718-7", "2951-2")[number % 3]) for number in range(45))
    yield observation(99, "2132-9", "bob")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with FhirServer() as server:
        for resource in of_everyone():
            where = f"{server.base}/{resource['resourceType']}/{resource['id']}"
            requests.put(where, json=resource, timeout=10).raise_for_status()
        yield server.base


def bundle(base: str, query: str) -> Json:
    answer = requests.get(f"{base}/{query}", timeout=10)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert (found["resourceType"], found["type"]) == ("Bundle", "searchset")
    return found


def ids(found: Json) -> list[str]:
    return [entry["resource"]["id"] for entry in found.get("entry", ()) if entry["search"]["mode"] == "match"]


def test_every_prefetch_template_finds_this_patient_alone(base: str) -> None:
    using, _ = following("us-aafp")
    asked = [template.url.replace("{{context.patientId}}", "ann") for template in templates(using.reader.index)]
    searches = [query for query in asked if "?" in query]
    found = {query.partition("?")[0]: bundle(base, query) for query in searches}

    assert len(searches) >= 9
    for query, said in found.items():
        assert said["entry"], query
        assert all(entry["search"]["mode"] == "match" for entry in said["entry"]), query
        assert all(entry["resource"]["id"].startswith("ann-") for entry in said["entry"]), query


def test_codes_are_searched_with_their_system_and_in_any_number(base: str) -> None:
    either = ids(bundle(base, f"Observation?patient=ann&code={LOINC}|2132-9,{LOINC}|718-7&_count=100"))

    assert len(either) == 30
    assert ids(bundle(base, "Observation?patient=ann&code=http://other.example|2132-9")) == []
    assert len(ids(bundle(base, "Observation?patient=ann&code=2132-9&_count=100"))) == 15


def test_the_newest_come_first(base: str) -> None:
    found = bundle(base, "Observation?patient=ann&_sort=-date&_count=100")
    days = [entry["resource"]["effectiveDateTime"] for entry in found["entry"]]
    oldest = bundle(base, "Observation?patient=ann&_sort=date&_count=1")["entry"][0]["resource"]

    assert days == sorted(days, reverse=True)
    assert oldest["effectiveDateTime"] == min(days)


def test_the_pages_together_are_the_whole_and_nothing_comes_twice(base: str) -> None:
    seen: list[str] = []
    found = bundle(base, "Observation?patient=ann&_sort=-date&_count=10")
    pages = [found]
    while nexts := [link["url"] for link in found["link"] if link["relation"] == "next"]:
        found = requests.get(nexts[0], timeout=10).json()
        pages.append(found)
    for page in pages:
        seen += ids(page)

    assert [len(ids(page)) for page in pages] == [10, 10, 10, 10, 5]
    assert all(page["total"] == 45 for page in pages)
    assert sorted(seen) == sorted(f"ann-{number}" for number in range(45))
    assert {link["relation"] for link in pages[2]["link"]} == {"self", "first", "previous", "next", "last"}


def test_a_count_of_nothing_counts(base: str) -> None:
    for query in ("Observation?patient=ann&_count=0", "Observation?patient=ann&_summary=count"):
        found = bundle(base, query)
        assert (found["total"], "entry" in found) == (45, False)


def test_a_search_can_be_posted(base: str) -> None:
    form = {"patient": "ann", "code": f"{LOINC}|2132-9", "_sort": "-date", "_count": "4"}
    posted = requests.post(f"{base}/Observation/_search", data=form, timeout=10)
    asked = bundle(base, f"Observation?patient=ann&code={LOINC}|2132-9&_sort=-date&_count=4")
    (link,) = [each["url"] for each in posted.json()["link"] if each["relation"] == "next"]

    assert posted.status_code == 200
    assert ids(posted.json()) == ids(asked)
    assert dict(parse_qsl(urlsplit(link).query))["patient"] == "ann"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("Observation?patient=Patient/ann&_summary=count", 45),
        ("Observation?subject:Patient=ann&_summary=count", 45),
        ("Observation?patient=ann&status=final,amended&_summary=count", 45),
        ("Observation?patient=ann&status:not=final&_summary=count", 23),
        ("Observation?patient=ann&date=ge2028-02-20&_summary=count", 10),
        ("Observation?patient=ann&date=lt2028-02-20&_summary=count", 35),
        ("Observation?patient=ann&date=ge2028-02-01&date=lt2028-02-20&_summary=count", 19),
        ("Observation?patient=ann&code:text=test%20of%20718&_summary=count", 15),
        ("Observation?patient.given=bob&_summary=count", 1),
        ("Observation?patient:missing=true&_summary=count", 0),
        ("Patient?family=nunez&_summary=count", 2),
        ("Patient?given:exact=Ann&_summary=count", 1),
        ("Patient?name:contains=uñe&_summary=count", 2),
        ("Patient?_id=ann,bob&_summary=count", 2),
        ("MedicationRequest?patient=ann&status=active&_summary=count", 1),
    ],
)
def test_parameters_and_modifiers_count_what_they_should(base: str, query: str, count: int) -> None:
    assert bundle(base, query)["total"] == count


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("Observation?patient=ann&code:in=http://example.org/ValueSet/x", "':in'"),
        ("Observation?patient=ann&date:exact=2028", "':exact'"),
        ("Observation?patient=ann&code:exact=2132-9", "':exact'"),
        ("Observation?patient=ann&date=yesterday", "Invalid date"),
        ("Observation?patient=ann&_count=many", "_count"),
        ("Observation?patient=ann&_offset=many", "_offset"),
    ],
)
def test_what_would_find_too_much_is_refused(base: str, query: str, why: str) -> None:
    kind, _, rest = query.partition("?")
    answers = (
        requests.get(f"{base}/{query}", timeout=10),
        requests.post(f"{base}/{kind}/_search", data=dict(parse_qsl(rest)), timeout=10),
    )
    for answer in answers:
        assert answer.status_code == 400
        assert why in answer.json()["issue"][0]["diagnostics"]


def test_a_parameter_that_is_not_known_is_told_and_refused_when_asked_strictly(base: str) -> None:
    lenient = bundle(base, "Observation?patient=ann&colour=red&_count=1")
    strict = requests.get(f"{base}/Observation?colour=red", headers={"Prefer": "handling=strict"}, timeout=10)
    (outcome,) = [e["resource"] for e in lenient["entry"] if e["search"]["mode"] == "outcome"]

    assert "colour" in outcome["issue"][0]["diagnostics"]
    assert "colour" not in next(link["url"] for link in lenient["link"] if link["relation"] == "self")
    assert strict.status_code == 400
