"""`b12-cds evaluate`: Bundles and hook requests in, words or the published JSON out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.chart.hook_request import of_type, patient_view
from tests.chart.resources import Resource
from tests.medicine.ask import answer, chart_of
from tests.vignettes import TODAY, vignette

from .running import ran

DAY = TODAY.isoformat()
KEYS = {
    "patient": of_type("Patient"),
    "b12": of_type("Observation"),
    "conditions": of_type("Condition"),
    "others": of_type("Procedure", "AllergyIntolerance", "MedicationRequest", "MedicationStatement"),
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("B12_PROTOCOL", "B12_SITE_CODES", "B12_TIME_ZONE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return saved(tmp_path / "bundle.json", chart_of(vignette("V23")))


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    return saved(tmp_path / "hook.json", patient_view(chart_of(vignette("V23")), KEYS))


def saved(file: Path, content: Resource) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def evaluate(*arguments: object, stdin: str | None = None, **settings: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)], input=stdin, env=settings)


def documents(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_bundle_gives_the_contract_on_one_line(bundle: Path) -> None:
    (said,) = documents(evaluate(bundle, "--json", "--date", DAY, "--protocol", "us-aafp"))

    assert said == answer(chart_of(vignette("V23")), "us-aafp", TODAY)


def test_a_hook_request_gives_the_same_verdict(bundle: Path, hook: Path) -> None:
    first, second = documents(evaluate(bundle, hook, "--json", "--date", DAY, "--protocol", "uk-ng239"))

    assert second == first


def test_a_single_resource_is_a_chart_too(tmp_path: Path) -> None:
    patient = saved(tmp_path / "patient.json", chart_of(vignette("V23"))["entry"][0]["resource"])
    (said,) = documents(evaluate(patient, "--json", "--date", DAY, "--protocol", "uk-ng239"))

    assert (said["status"], said["cards"]) == ("unknown", [])


def test_several_files_are_several_lines_in_their_order(bundle: Path, tmp_path: Path) -> None:
    normal = saved(tmp_path / "normal.json", chart_of(vignette("V90")))
    answers = documents(evaluate(bundle, normal, bundle, "--json", "--date", DAY, "--protocol", "uk-ng239"))

    assert [said["rule"] for said in answers] == ["K3", answers[1]["rule"], "K3"]
    assert answers[1]["status"] != "confirmed"


def test_standard_input_is_a_file_called_minus() -> None:
    chart = json.dumps(chart_of(vignette("V23"))).encode()
    ended = ran("evaluate", "-", "--json", "--date", DAY, settings={"B12_PROTOCOL": "us-label"}, stdin=chart)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["protocol"]["id"] == "us-label"


def test_the_day_decides_and_is_today_unless_said(bundle: Path) -> None:
    then, now = (
        documents(evaluate(bundle, "--json", "--protocol", "us-aafp", *more))[0] for more in (["--date", DAY], [])
    )

    assert then["date"] == DAY
    assert now["date"] != DAY or now == then
    later = documents(evaluate(bundle, "--json", "--protocol", "us-aafp", "--date", "2029-01-01"))[0]
    assert (later["date"], later["rule"]) == ("2029-01-01", "K13")


def test_the_protocol_is_the_setting_unless_said(bundle: Path) -> None:
    by_setting = documents(evaluate(bundle, "--json", B12_PROTOCOL="uk-ng239"))[0]
    by_option = documents(evaluate(bundle, "--json", "--protocol", "us-aafp", B12_PROTOCOL="uk-ng239"))[0]

    assert (by_setting["protocol"]["id"], by_option["protocol"]["id"]) == ("uk-ng239", "us-aafp")


def test_without_a_protocol_it_is_used_wrongly(bundle: Path) -> None:
    ended = evaluate(bundle)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "B12_PROTOCOL" in ended.stderr


@pytest.mark.parametrize("arguments", [["--protocol", "uk-ng999"], ["--protocol", ""]])
def test_an_unknown_protocol_is_refused_with_those_there_are(bundle: Path, arguments: list[str]) -> None:
    ended = evaluate(bundle, *arguments)

    assert ended.exit_code in (1, 2)
    assert ended.stdout == ""
    assert "uk-ng239" in ended.stderr


@pytest.mark.parametrize("arguments", [["--date", "22/11/2026"], ["--date", "2026-02-30"], ["nofile.json"], []])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    ended = evaluate(*arguments, B12_PROTOCOL="uk-ng239")

    assert (ended.exit_code, ended.stdout) == (2, "")


TWO_PATIENTS = {
    "resourceType": "Bundle",
    "entry": [{"resource": {"resourceType": "Patient", "id": name}} for name in ("one", "two")],
}
FOREIGN = {
    "context": {"patientId": "one"},
    "prefetch": {
        "b12": {"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/two"}}
    },
}


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "not JSON",
        "[]",
        "null",
        "{}",
        '{"resourceType": 7}',
        '{"prefetch": {"b12": "text"}}',
        "[" * 50_000,
        json.dumps(TWO_PATIENTS),
        json.dumps(FOREIGN),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_others_are_answered(
    bundle: Path, tmp_path: Path, junk: str
) -> None:
    bad = tmp_path / "junk.json"
    bad.write_text(junk, encoding="utf-8")
    ended = evaluate(bad, bundle, "--json", "--date", DAY, "--protocol", "us-aafp")

    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    assert [json.loads(line)["rule"] for line in ended.stdout.splitlines()] == ["K3"]
    assert "junk.json" in ended.stderr
    assert "bundle.json" not in ended.stderr


def test_bytes_that_are_no_text_are_a_file_that_cannot_be_used(bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "junk.json"
    bad.write_bytes(b"\xff\xfe")
    ended = evaluate(bad, bundle, "--json", "--date", DAY, "--protocol", "us-aafp")

    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    assert [json.loads(line)["rule"] for line in ended.stdout.splitlines()] == ["K3"]
    assert "junk.json" in ended.stderr


def test_one_resource_that_is_no_text_is_told_and_the_rest_stands(bundle: Path) -> None:
    spoiled = bundle.read_bytes().replace(b'"condition-1"', b'"condition-\xff"')
    bundle.write_bytes(spoiled)
    (said,) = documents(evaluate(bundle, "--json", "--date", DAY, "--protocol", "us-aafp"))

    assert b"\xff" in spoiled
    assert [each["resource"] for each in said["unreadable"]] != []
    assert said["rule"] == "K3"


def test_what_a_hook_request_could_not_send_is_said(hook: Path) -> None:
    request = json.loads(hook.read_text())
    request["prefetch"]["allergies"] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "forbidden"}],
    }
    saved(hook, request)
    (said,) = documents(evaluate(hook, "--json", "--date", DAY, "--protocol", "uk-ng239"))

    assert "Not checked: allergies" in said["cards"][0]["detail"]


def test_in_words_a_person_reads_the_verdict_the_plan_and_the_card(bundle: Path) -> None:
    ended = evaluate(bundle, "--date", DAY, "--protocol", "us-aafp")

    assert ended.exit_code == 0
    assert "bundle.json: confirmed by rule K3, us-aafp" in ended.stdout
    assert "recommended: US-IM-TRAD, intramuscular, lifelong" in ended.stdout
    assert "95 ng/L" in ended.stdout
    assert "**" not in ended.stdout
