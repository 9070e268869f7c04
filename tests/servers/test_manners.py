"""What servers do differently, as far as it matters to a CDS service; `docs/servers.md` tells it, this shows it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import requests

from tests.e2e.charts import newcomer

from .families import Server
from .filling import ACCEPT, found, next_link

Json = dict[str, Any]


@pytest.fixture
def patient(server: Server, today: date) -> str:
    """Someone whose chart may be written to."""
    return newcomer(server.base, "anna-autoimmune", today)


def order(patient: str) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {"text": "made for a test"},
    }


def asked(server: Server, path: str) -> requests.Response:
    return requests.get(f"{server.base}/{path}", headers=ACCEPT, timeout=30)


def sent(server: Server, path: str, resource: Json) -> requests.Response:
    return requests.post(f"{server.base}{path}", json=resource, headers=ACCEPT, timeout=60)


def transaction(*resources: Json) -> Json:
    request = {"method": "POST", "url": "MedicationRequest"}
    entries = [{"resource": resource, "request": request} for resource in resources]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_how_the_next_page_is_named(server: Server, patient: str) -> None:
    page = asked(server, f"Observation?patient={patient}&_count=2").json()
    link = next_link(page)

    assert len(found(page, "Observation")) == 2
    if server.name == "hapi":
        assert link is not None
        assert link.startswith(f"{server.base}?_getpages=")
        assert "total" not in page
    elif server.name == "sekmet":
        assert link is not None
        assert link.startswith(f"{server.base}/Observation?patient={patient}")
        assert page["total"] > 2
    else:
        assert link is None
        assert page["total"] > 2


def test_how_many_come_on_a_page_when_nobody_says(server: Server, patient: str) -> None:
    page = asked(server, f"Observation?patient={patient}").json()

    assert (len(found(page, "Observation")) == 20) == (server.name in ("hapi", "sekmet"))


def test_what_an_unknown_search_parameter_does(server: Server, patient: str) -> None:
    answer = asked(server, f"Condition?patient={patient}&nonsense=1")
    kinds = [entry["resource"]["resourceType"] for entry in answer.json().get("entry", ())]

    if server.name == "hapi":
        assert answer.status_code == 400
    elif server.name == "sekmet":
        assert kinds.count("Condition") > 1
        assert kinds[-1] == "OperationOutcome"
    else:
        assert (answer.status_code, kinds) == (200, [])


def test_where_a_server_says_that_it_put_a_resource(server: Server, patient: str) -> None:
    answer = sent(server, "", transaction(order(patient))).json()
    location = answer["entry"][0]["response"]["location"]

    starts = f"{server.base}/MedicationRequest/" if server.name == "sekmet" else "MedicationRequest/"
    assert location.startswith(starts)
    assert ("/_history/1" in location) == (server.name != "medplum")


@pytest.mark.parametrize(
    ("fault", "refusing"),
    [
        ({"status": "bogus"}, {"hapi"}),
        ({"subject": {"reference": "Patient/nobody"}}, {"hapi"}),
        ({"subject": None}, {"sekmet"}),
    ],
    ids=["an unknown status", "a subject that is not there", "no subject"],
)
def test_which_server_refuses_a_faulty_order(server: Server, patient: str, fault: Json, refusing: set[str]) -> None:
    faulty = {key: value for key, value in (order(patient) | fault).items() if value is not None}

    answer = sent(server, "/MedicationRequest", faulty)

    assert answer.status_code == (400 if server.name in refusing else 201), answer.text


def test_which_server_writes_half_a_transaction(server: Server, patient: str) -> None:
    def orders() -> int:
        headers = ACCEPT | {"Cache-Control": "no-cache"}
        url = f"{server.base}/MedicationRequest?patient={patient}&_count=200"
        return len(found(requests.get(url, headers=headers, timeout=30).json(), "MedicationRequest"))

    before = orders()
    answer = sent(server, "", transaction(order(patient), {"resourceType": "MedicationRequest", "status": 5}))

    if server.name == "medplum":
        assert (answer.status_code, orders() - before) == (200, 1)
    else:
        assert (answer.status_code, orders() - before) == (400, 0)


def test_which_server_gives_a_chart_an_id_of_digits(server: Server) -> None:
    chart = {"resourceType": "Patient", "id": "123"}
    answer = requests.put(f"{server.base}/Patient/123", json=chart, headers=ACCEPT, timeout=30)

    assert answer.ok == (server.name != "hapi")


def test_which_server_validates(server: Server, patient: str) -> None:
    good = sent(server, "/MedicationRequest/$validate", order(patient))
    bad = sent(server, "/MedicationRequest/$validate", order(patient) | {"status": "bogus"})

    expected = {"hapi": (200, 400), "sekmet": (200, 200), "medplum": (404, 404)}
    assert (good.status_code, bad.status_code) == expected[server.name]
