"""The sandbox's FHIR server over real HTTP: what R4 says of reading, writing, versions and transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fhir.resources.R4B import get_fhir_model_class

from service.sandbox.fhir_server import FhirServer
from service.sandbox.r4 import FHIR_JSON

Json = dict[str, Any]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with FhirServer() as server:
        yield server.base


def person(identity: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": identity, "birthDate": "1970-01-02", **more}


def put(base: str, resource: Json, **headers: str) -> requests.Response:
    where = f"{base}/{resource['resourceType']}/{resource['id']}"
    return requests.put(where, json=resource, headers=headers, timeout=10)


def get(base: str, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{base}/{path}", headers=headers, timeout=10)


def said(answer: requests.Response) -> str:
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert answer.headers["Content-Type"] == FHIR_JSON.decode()
    return " ".join(issue["diagnostics"] for issue in outcome["issue"])


def test_what_is_written_is_read_back_with_its_version(base: str) -> None:
    created = put(base, person("read", name=[{"family": "Café"}]))
    found = get(base, "Patient/read")

    assert (created.status_code, found.status_code) == (201, 200)
    assert found.json()["name"] == [{"family": "Café"}]
    assert found.headers["ETag"] == 'W/"1"' == created.headers["ETag"]
    assert found.headers["Last-Modified"].endswith("GMT")
    assert created.headers["Location"] == f"{base}/Patient/read/_history/1"
    assert found.json()["meta"]["versionId"] == "1"


def test_a_resource_is_created_under_an_id_of_the_servers_own(base: str) -> None:
    created = requests.post(f"{base}/Patient", json=person("mine"), timeout=10)
    place = created.headers["Location"].partition("/_history")[0]

    assert created.status_code == 201
    assert not place.endswith("/mine")
    assert requests.get(place, timeout=10).json()["birthDate"] == "1970-01-02"


def test_an_update_makes_a_new_version_and_keeps_the_old(base: str) -> None:
    put(base, person("twice"))
    second = put(base, person("twice", gender="female"))

    assert (second.status_code, second.headers["ETag"]) == (200, 'W/"2"')
    assert "gender" not in get(base, "Patient/twice/_history/1").json()
    assert get(base, "Patient/twice/_history/2").json()["gender"] == "female"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "why"),
    [
        ("GET", "Patient/nobody", None, 404, "not found"),
        ("GET", "Nonsense/1", None, 404, "Nonsense"),
        ("PUT", "Patient/a", person("b"), 400, "does not match"),
        ("PUT", "Observation/a", person("a"), 400, "does not match URL type"),
        ("POST", "Patient", {"resourceType": "Patient", "birthDate": "yesterday"}, 400, "Patient.birthDate"),
        ("POST", "Patient", "{broken", 400, "not valid JSON"),
        ("PATCH", "Patient", {}, 405, "not allowed"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    base: str, method: str, path: str, body: Any, status: int, why: str
) -> None:
    given = {"data": body} if isinstance(body, str) else {"json": body}
    answer = requests.request(method, f"{base}/{path}", timeout=10, **given)

    assert answer.status_code == status
    assert why in said(answer)


def test_what_was_deleted_is_gone(base: str) -> None:
    put(base, person("gone"))

    assert requests.delete(f"{base}/Patient/gone", timeout=10).status_code in {200, 204}
    assert get(base, "Patient/gone").status_code == 410
    assert get(base, "Patient?_id=gone").json()["total"] == 0


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', "*", 'W/"8", W/"1"'])
def test_a_version_that_is_known_is_not_sent_again(base: str, tag: str) -> None:
    put(base, person(f"known-{abs(hash(tag))}"))
    answer = get(base, f"Patient/known-{abs(hash(tag))}", **{"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == 'W/"1"'


def test_a_version_that_is_not_known_is_sent(base: str) -> None:
    put(base, person("news"))

    assert get(base, "Patient/news", **{"If-None-Match": 'W/"0"'}).status_code == 200


def test_what_has_not_changed_since_is_not_sent_again(base: str) -> None:
    modified = put(base, person("quiet")).headers["Last-Modified"]

    assert get(base, "Patient/quiet", **{"If-Modified-Since": modified}).status_code == 304
    assert get(base, "Patient/quiet", **{"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}).status_code == 200
    assert get(base, "Patient/quiet", **{"If-Modified-Since": "no date"}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_of_another_version_than_meant_is_refused(base: str, method: str) -> None:
    name = f"meant-{method}"
    put(base, person(name))
    put(base, person(name, gender="male"))
    stale = requests.request(
        method, f"{base}/Patient/{name}", json=person(name), headers={"If-Match": 'W/"1"'}, timeout=10
    )

    assert stale.status_code == 412
    assert 'W/"2"' in said(stale)
    assert get(base, f"Patient/{name}").json()["gender"] == "male"


@pytest.mark.parametrize("tag", ['W/"1"', "*", 'W/"7", W/"1"'])
def test_a_change_of_the_version_that_was_meant_is_made(base: str, tag: str) -> None:
    name = f"same-{abs(hash(tag))}"
    put(base, person(name))

    assert put(base, person(name, gender="male"), **{"If-Match": tag}).headers["ETag"] == 'W/"2"'


def test_nothing_is_made_where_a_version_was_meant(base: str) -> None:
    assert put(base, person("never"), **{"If-Match": "*"}).status_code == 412
    assert get(base, "Patient/never").status_code == 404


def test_a_conditional_create_writes_once_and_refuses_to_guess(base: str) -> None:
    marked = person("x", identifier=[{"system": "urn:ward", "value": "7"}])
    condition = {"If-None-Exist": "identifier=urn:ward|7"}
    answers = [requests.post(f"{base}/Patient", json=marked, headers=condition, timeout=10) for _ in range(2)]
    requests.post(f"{base}/Patient", json=marked, timeout=10)
    third = requests.post(f"{base}/Patient", json=marked, headers=condition, timeout=10)

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert third.status_code == 412


def test_prefer_says_what_comes_back(base: str) -> None:
    assert put(base, person("prefer"), Prefer="return=minimal").content == b""
    told = put(base, person("prefer"), Prefer="return=OperationOutcome")
    assert told.json()["resourceType"] == "OperationOutcome"


def transaction(base: str, *entries: Json) -> requests.Response:
    return requests.post(base, json={"resourceType": "Bundle", "type": "transaction", "entry": [*entries]}, timeout=10)


def writes(resource: Json, **request: str) -> Json:
    where = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": where} | request}


def test_a_transaction_lets_its_resources_mean_each_other(base: str) -> None:
    order = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "urn:uuid:8a9a0e6a-0001-4000-8000-000000000001"},
    }
    answer = transaction(
        base,
        {"resource": order, "request": {"method": "POST", "url": "ServiceRequest"}},
        {
            "fullUrl": "urn:uuid:8a9a0e6a-0001-4000-8000-000000000001",
            "resource": person("x"),
            "request": {"method": "POST", "url": "Patient"},
        },
    ).json()
    written, patient = (entry["response"]["location"].partition("/_history")[0] for entry in answer["entry"])

    assert (answer["type"], len(answer["entry"])) == ("transaction-response", 2)
    assert requests.get(written, timeout=10).json()["subject"]["reference"] == patient.removeprefix(f"{base}/")


def test_a_transaction_is_all_or_nothing(base: str) -> None:
    refused = transaction(base, writes(person("half")), writes(person("bad", birthDate="soon")))

    assert refused.status_code == 400
    assert "rolled back" in said(refused)
    assert get(base, "Patient/half").status_code == 404


def test_a_transaction_that_names_a_resource_twice_is_refused(base: str) -> None:
    refused = transaction(base, writes(person("double")), {"request": {"method": "DELETE", "url": "Patient/double"}})

    assert refused.status_code == 400
    assert "both change Patient/double" in said(refused)
    assert get(base, "Patient/double").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_transaction_keeps_to_the_version_that_was_meant(base: str, method: str) -> None:
    name = f"kept-{method}"
    put(base, person(name))
    put(base, person(name, gender="male"))
    entry = writes(person(name), ifMatch='W/"1"')
    entry["request"]["method"] = method

    assert transaction(base, entry).status_code == 412
    assert get(base, f"Patient/{name}").json()["gender"] == "male"


def test_the_server_says_what_it_can_do(base: str) -> None:
    statement = get(base, "metadata").json()
    get_fhir_model_class("CapabilityStatement").model_validate(statement)
    (rest,) = statement["rest"]
    known = {resource["type"]: resource for resource in rest["resource"]}
    order = known["MedicationRequest"]

    assert (statement["fhirVersion"], rest["mode"]) == ("4.0.1", "server")
    assert {"code": "transaction"} in rest["interaction"]
    assert {"read", "search-type", "create", "update", "delete"} <= {i["code"] for i in order["interaction"]}
    assert (order["conditionalRead"], order["conditionalCreate"]) == ("full-support", True)
    assert "patient" in {parameter["name"] for parameter in known["FamilyMemberHistory"]["searchParam"]}
