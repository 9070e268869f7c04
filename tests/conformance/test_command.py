"""The command `b12-cds conformance URL`: what an operator and a build server read."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey

from cds_hooks.conformance.rules import RULES
from cds_hooks.conformance.tokens import Client, kept_keys
from service.cli import main

from .kit import checked, client, served, session
from .stub import VIEW, Stub

OTHER_KEYS = json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "1"}).as_dict(private=True)]})


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["conformance", *arguments])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    kept_keys(file)
    return file


def known(keys: Path) -> Client:
    return Client(keys=kept_keys(keys))


def test_a_sound_service_ends_with_0_and_shows_what_was_tried(keys: Path) -> None:
    with served(Stub(known(keys)).app()) as address:
        ended = ran(address, "--keys", str(keys), "--listen", "0")

    assert ended.exit_code == 0, ended.output
    assert "] advice-view: all data: 200," in ended.stderr
    assert "  ok   E1   A call that succeeds" in ended.stdout
    assert "not tried: a service on this machine alone needs no TLS" in ended.stdout
    assert "Nothing that was tried breaks a SHALL." in ended.stdout


def test_a_service_that_breaks_a_shall_ends_with_1_and_says_where(keys: Path) -> None:
    with served(Stub(known(keys), "F2").app()) as address:
        ended = ran(address, "--keys", str(keys), "--quiet")

    assert ended.exit_code == 1
    assert ended.stderr == ""
    assert "  FAIL F2   summary is one sentence of fewer than 140 characters (SHALL)" in ended.stdout
    assert "           advice-view: all data cards[0].summary:" in ended.stdout
    assert "ok " not in ended.stdout


def test_a_service_that_only_gives_cause_for_warnings_ends_with_0(keys: Path) -> None:
    with served(Stub(known(keys), "E6").app()) as address:
        ended = ran(address, "--keys", str(keys), "--quiet")

    assert ended.exit_code == 0
    assert "  warn E6   A refusal carries an OperationOutcome (SHOULD)" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://127.0.0.1:1"], "no answer (ConnectionError)"),
        (["ftp://service.example"], "'ftp://service.example' is not an http or https URL"),
        (["http://127.0.0.1:1", "--patient", "1"], "--fhir-server and --patient go together"),
        (["http://127.0.0.1:1", "--issuer", "https://us.example"], "--issuer and --tenant need --keys"),
        (["http://127.0.0.1:1", "--jku"], "--jku needs --listen"),
        (["http://127.0.0.1:1", "--keys", "/nowhere/keys.json"], "/nowhere/keys.json: No such file or directory"),
    ],
)
def test_what_cannot_be_checked_ends_with_2_and_says_why(arguments: list[str], told: str) -> None:
    ended = ran(*arguments)

    assert ended.exit_code == 2
    assert told in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "no hook"),
        ('{"hook": "patient-view"}', "context, and prefetch if given, must be objects"),
    ],
)
def test_a_request_file_that_is_no_hook_request_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "request.json"
    file.write_text(text)

    ended = ran("http://127.0.0.1:1", "--request", str(file))

    assert ended.exit_code == 2
    assert f"{file}: " in ended.stderr
    assert told in ended.stderr


def test_a_service_that_does_not_exist_is_named(keys: Path) -> None:
    with served(Stub(known(keys)).app()) as address:
        ended = ran(address, "--keys", str(keys), "--service", "advice-vew")

    assert ended.exit_code == 2
    assert "discovery lists no service advice-vew" in ended.stderr


def test_the_operators_own_request_is_sent_with_a_fresh_hook_instance(keys: Path, tmp_path: Path) -> None:
    patient = {"resourceType": "Patient", "id": "own"}
    prefetch = {"patient": patient, "results": {"resourceType": "Bundle", "type": "searchset"}, "problems": None}
    own = {"hook": VIEW["hook"], "context": {"userId": "Practitioner/1", "patientId": "own"}, "prefetch": prefetch}
    file = tmp_path / "request.json"
    file.write_text(json.dumps(own))

    with served(Stub(known(keys)).app()) as address:
        ended = ran(address, "--keys", str(keys), "--service", "advice-view", "--request", str(file), "--json")

    told = {rule["id"]: rule for rule in json.loads(ended.stdout)["rules"]}
    assert ended.exit_code == 0, ended.output
    assert told["E3"]["verdict"] == "passed"
    assert told["F2"] == {
        "id": "F2",
        "level": "SHALL",
        "text": RULES["F2"].text,
        "verdict": "not tried",
        "tried": 0,
        "reason": "no answer had a card",
    }


def test_no_feedback_is_sent_if_none_is_wanted(keys: Path) -> None:
    stub = Stub(known(keys))
    with served(stub.app()) as address:
        ended = ran(address, "--keys", str(keys), "--no-feedback", "--json")

    told = {rule["id"]: rule for rule in json.loads(ended.stdout)["rules"]}
    assert stub.posted == []
    assert (told["H2"]["verdict"], told["H2"]["reason"]) == ("not tried", "--no-feedback")


def test_json_lists_every_rule_with_its_verdict_and_counts_them() -> None:
    report = checked(Stub(client(), "F2")).as_json()

    assert [rule["id"] for rule in report["rules"]] == list(RULES)
    assert sum(report["counts"].values()) == len(RULES)
    assert report["counts"]["failed"] == 1
    assert report["conforms"] is False
    assert all(rule["reason"] for rule in report["rules"] if rule["verdict"] == "not tried")


def test_junit_has_a_case_for_every_rule_and_skips_what_was_not_tried(keys: Path, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    with served(Stub(known(keys), "F2").app()) as address:
        ended = ran(address, "--keys", str(keys), "--quiet", "--junit", str(file))

    root = ElementTree.parse(file).getroot()
    cases = {str(case.get("name")).partition(" ")[0]: case for case in root.iter("testcase")}
    assert ended.exit_code == 1
    assert list(cases) == list(RULES)
    assert [name for name, case in cases.items() if case.find("failure") is not None] == ["F2"]
    assert {"A2", "J1", "D14"} <= {name for name, case in cases.items() if case.find("skipped") is not None}
    assert sum(int(str(suite.get("failures"))) for suite in root.iter("testsuite")) == 1
    skipped = sum(int(str(suite.get("skipped"))) for suite in root.iter("testsuite"))
    assert f"{skipped} not tried" in ended.stdout


def test_keys_are_made_once_kept_from_others_and_given_out_without_their_private_half(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"

    first, again = Client(keys=kept_keys(file)).public(), Client(keys=kept_keys(file)).public()

    assert first == again == json.loads((tmp_path / "keys.public.json").read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {key["alg"] for key in first["keys"]} == {"ES384", "RS384"}
    assert all("d" not in key and key["kid"] for key in first["keys"])


@pytest.mark.parametrize(("text", "told"), [("{", "not a JWK set"), (OTHER_KEYS, "holds no private P-384")])
def test_a_file_of_other_keys_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text)

    ended = ran("http://127.0.0.1:1", "--keys", str(file))

    assert ended.exit_code == 2
    assert f"{file}: {told}" in ended.stderr


def test_what_a_service_sends_cannot_steer_the_operators_terminal() -> None:
    stub = Stub(client(), "F2")
    app = stub.app()
    app.view_functions["discovery"] = lambda: {"services": [VIEW | {"hookVersion": "\x1b[2J"}]}

    report = checked(stub, session=session(app))

    assert "hookVersion is a version" in report.as_text()
    assert "\x1b" not in report.as_text() + report.as_junit()
