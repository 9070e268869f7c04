"""Charts of one's own in the sandbox: Bundles and NDJSON are loaded whole, and what is bad is named by its line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from service.sandbox import start
from service.sandbox.fhir_server import FhirServer
from service.sandbox.loading import NothingToLoad, load
from tests.e2e.running import free_port

Json = dict[str, Any]
URN = "urn:uuid:8a9a0e6a-0001-4000-8000-00000000000"


@pytest.fixture
def base() -> Iterator[str]:
    with FhirServer() as server:
        yield server.base


def patient(identity: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": identity, **more}


def condition(name: str, subject: str, **more: Any) -> Json:
    return {"resourceType": "Condition", "id": name, "subject": {"reference": subject}, **more}


def bundle(kind: str, *entries: Json) -> str:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": [*entries]}, indent=1)


def had(base: str, path: str) -> Json:
    answer = requests.get(f"{base}/{path}", timeout=10)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection", "searchset", "document"])
def test_a_bundle_of_any_type_is_loaded(base: str, tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.json").write_text(
        bundle(kind, {"resource": patient("ann")}, {"resource": condition("c", "Patient/ann")})
    )

    told = load(base, tmp_path)

    assert (told.kinds, told.faults) == ({"Patient": 1, "Condition": 1}, [])
    assert had(base, "Condition?patient=ann")["total"] == 1


def test_lines_and_single_resources_in_folders_are_loaded_and_other_files_told(base: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "Patient.ndjson").write_text(f"{json.dumps(patient('ann'))}\n\n{json.dumps(patient('bob'))}\n")
    (tmp_path / "one.json").write_text("\ufeff" + json.dumps(condition("c", "Patient/bob")), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not FHIR")

    told = load(base, tmp_path)

    assert (told.total, told.faults) == (3, [])
    assert [path.name for path in told.passed_by] == ["notes.txt"]


def test_references_follow_the_addresses_and_identifiers_of_other_files(base: str, tmp_path: Path) -> None:
    doctor = {"resourceType": "Practitioner", "id": "d", "identifier": [{"system": "urn:npi", "value": "1"}]}
    asserter = {"asserter": {"reference": "Practitioner?identifier=urn:npi|1"}}
    nameless = condition("c", f"{URN}1", **asserter)
    del nameless["id"]
    person = patient("x")
    del person["id"]
    (tmp_path / "chart.json").write_text(
        bundle("transaction", {"fullUrl": f"{URN}1", "resource": person}, {"fullUrl": f"{URN}2", "resource": nameless})
    )
    (tmp_path / "who.ndjson").write_text(json.dumps(doctor))

    assert load(base, tmp_path).faults == []
    found = had(base, f"Condition/{URN[9:]}2")
    assert found["subject"]["reference"] == f"Patient/{URN[9:]}1"
    assert found["asserter"]["reference"] == "Practitioner/d"


def test_what_is_bad_is_named_by_its_line_and_takes_nothing_with_it(base: str, tmp_path: Path) -> None:
    good = [{"resource": patient(f"p{number}")} for number in range(3)]
    (tmp_path / "a.json").write_text(
        bundle("collection", good[0], {"resource": patient("bad", birthDate="soon")}, {"search": {}}, good[1])
    )
    (tmp_path / "b.json").write_text('{"resourceType": "Patient",\n "id": "half",\n')
    (tmp_path / "c.ndjson").write_text(f'{json.dumps(good[2]["resource"])}\n{{"oops"\n[]\n{json.dumps(patient("p3"))}')
    (tmp_path / "d.json").write_bytes(b'{"resourceType":\n "Pati\xffent"}')
    (tmp_path / "e.json").write_text("{}\n{}")
    (tmp_path / "f.json").write_text("")

    told = load(base, tmp_path)
    faults = [str(fault).removeprefix(f"{tmp_path}/") for fault in told.faults]

    assert told.total == 4
    assert {had(base, f"Patient/p{number}")["id"] for number in range(4)} == {"p0", "p1", "p2", "p3"}
    assert [fault.partition(": ")[0] for fault in faults] == [
        "a.json:18",
        "b.json:3",
        "c.ndjson:2",
        "c.ndjson:3",
        "d.json:2",
        "e.json:2",
        "f.json:1",
        "a.json:11",
    ]
    assert "Patient/bad is refused" in faults[-1]
    assert "Patient.birthDate" in faults[-1]


def test_one_resource_said_twice_is_one_and_two_under_one_id_are_told(base: str, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(f"{json.dumps(patient('ann'))}\n{json.dumps(patient('ann'))}")
    (tmp_path / "b.ndjson").write_text(json.dumps(patient("ann", gender="female")))

    told = load(base, tmp_path)

    assert (told.total, told.twice) == (1, 1)
    assert "Patient/ann is another one than at" in str(told.faults[0])
    assert "gender" not in had(base, "Patient/ann")


def test_more_than_one_transaction_holds_are_all_there(base: str, tmp_path: Path) -> None:
    lines = [json.dumps(patient("ann")), *(json.dumps(condition(f"c{n}", "Patient/ann")) for n in range(450))]
    (tmp_path / "many.ndjson").write_text("\n".join(lines))

    assert load(base, tmp_path).total == 451
    assert had(base, "Condition?patient=ann&_summary=count")["total"] == 450


def test_a_folder_without_charts_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(NothingToLoad, match="holds no FHIR resource"):
        load(base, tmp_path)


def test_the_demo_shows_the_charts_of_a_folder_instead_of_the_synthetic_ones(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(patient("ann")))

    with start(date(2028, 2, 29), tmp_path) as server:
        found = had(server.base, "Patient")

    assert [entry["resource"]["id"] for entry in found["entry"]] == ["ann"]


def test_the_command_names_what_it_could_not_load_and_runs_on(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(f"{json.dumps(patient('ann', name=[{'family': 'Lee'}]))}\n{{oops\n")
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "demo",
        "--once",
        "--port",
        str(free_port()),
        "--data",
        str(tmp_path),
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("B12_")}
    ran = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=90, check=False)

    assert ran.returncode in (0, -signal.SIGTERM), ran.stderr
    assert f"{tmp_path / 'a.ndjson'}:2: not JSON" in ran.stderr
    assert "Loaded 1 resource: 1 Patient." in ran.stdout
    assert "Lee" in ran.stdout
