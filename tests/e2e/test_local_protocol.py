"""A site's own protocol from end to end: the commands, the service that runs on it, the installed wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.app import create_app
from service.cli import main
from service.clients.offers import Consultants
from service.consult import UnknownProtocol
from service.knowledge.strict_yaml import KnowledgeError
from service.settings import Settings
from tests.chart.hook_request import of_type, patient_view
from tests.knowledge.local import DOC, PLAIN, example, saved
from tests.medicine.ask import chart_of
from tests.vignettes import vignette

from .running import SERVICE, free_port, ran


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's folder, with the example and a chart in it."""
    for name in ("B12_PROTOCOL", "B12_SITE_CODES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chart.json").write_text(json.dumps(chart_of(vignette("V41"))), encoding="utf-8")
    return saved(tmp_path, example())


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_check_tells_what_a_good_file_changes_and_what_it_no_longer_offers() -> None:
    lines = asked("protocol", "check", "ours.yaml").stdout.splitlines()

    assert lines[:4] == [
        "ours.yaml: good. example-hospital 2026.1 extends uk-ng239 2024.1.",
        "  of its own: sources 1, limits 1, bands 1, regimens 1, plans 3, products in stock 2",
        "  not offered, nothing in stock gives it: UK-ORAL-DIET (row dietary)",
        "  no plan for prevention: prevention after surgery belongs to the bariatric clinic",
    ]
    assert re.fullmatch(r"  [1-9]\d+ orders, all that any protocol can propose, pass the gate", lines[-1])


@pytest.mark.parametrize("command", [["check", "wrong.yaml"], ["diff", "uk-ng239", "wrong.yaml"]])
def test_a_wrong_file_is_told_by_its_line_and_nothing_else_is_said(tmp_path: Path, command: list[str]) -> None:
    saved(tmp_path, PLAIN.replace("extends: uk-ng239", "extends: uk-ng329"), "wrong.yaml")
    ended = asked("protocol", *command)

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "wrong.yaml:2: there is no protocol uk-ng329; did you mean uk-ng239?" in ended.stderr


def test_a_product_that_fhir_cannot_carry_is_refused_by_the_gate(tmp_path: Path) -> None:
    saved(tmp_path, example().replace("many: mL}", 'many: " mL"}'), "wrong.yaml")
    ended = asked("protocol", "check", "wrong.yaml")

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "wrong.yaml: an order would not be valid: MedicationRequest" in ended.stderr


@pytest.mark.parametrize("names", [["uk-ng329", "us-aafp"], ["us-aafp", "uk-ng329"], ["ours.yaml", "uk-ng329"]])
def test_a_protocol_nobody_knows_is_refused_with_those_there_are(names: list[str]) -> None:
    ended = asked("protocol", "diff", *names)

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "uk-ng239, us-aafp, us-label" in ended.stderr


def test_diff_reads_either_way() -> None:
    one, other = (
        asked("protocol", "diff", *names).stdout for names in (("uk-ng239", "ours.yaml"), ("ours.yaml", "uk-ng239"))
    )

    assert one.startswith("from uk-ng239 2024.1 to example-hospital 2026.1\n")
    assert other.startswith("from example-hospital 2026.1 to uk-ng239 2024.1\n")
    assert "  limit review-months: 2 mo (EXAMPLE-POLICY, V) -> 3 mo (NG239-SPS, S)" in other


def test_the_book_is_printed_or_written(tmp_path: Path) -> None:
    printed = asked("protocol", "book").stdout
    asked("protocol", "book", "--output", "book.md")

    assert printed == (tmp_path / "book.md").read_text(encoding="utf-8")
    assert printed.startswith("# The knowledge book")


def test_the_service_answers_by_a_sites_file(site: Path) -> None:
    client = create_app(Settings(protocol=str(site), authentication="off")).test_client()
    keys = {"patient": of_type("Patient"), "b12": of_type("Observation"), "conditions": of_type("Condition")}
    answered = client.post(SERVICE, json=patient_view(chart_of(vignette("V23")), keys))
    said = answered.get_json()["cards"][0]["extension"]["org.b12-cds.assessment"]

    assert said["protocol"] == {"id": "example-hospital", "version": "2026.1"}
    assert said["options"][0]["regimen"] == "EXAMPLE-HYDROXO"


def test_the_service_does_not_start_on_a_wrong_file(tmp_path: Path) -> None:
    wrong = saved(tmp_path, PLAIN + "hazards: none\n", "wrong.yaml")
    ended = ran("serve", "--port", str(free_port()), "--workers", "1", settings={"B12_PROTOCOL": str(wrong)})

    assert ended.returncode == 1
    assert b"wrong.yaml:11: hazards: this key is not known here" in ended.stderr
    assert b"Traceback" not in ended.stdout + ended.stderr


def test_the_setting_is_a_file_too(site: Path) -> None:
    ended = CliRunner().invoke(main, ["evaluate", "chart.json", "--json"], env={"B12_PROTOCOL": str(site)})

    assert json.loads(ended.stdout)["protocol"]["id"] == "example-hospital"


def test_an_installed_package_has_all_that_the_commands_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(DOC.parents[1])
    wheel = tmp_path / build.build_wheel(str(tmp_path))
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    ended = subprocess.run(
        [sys.executable, "-m", "service.cli", "protocol", "diff", "uk-ng239", "ours.yaml"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Worked patients: " in ended.stdout


def test_what_was_read_once_stands_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    """A worker that replaces a killed one must not follow other rules than those beside it."""
    file, read = saved(tmp_path, PLAIN), Consultants()
    first, name = read.of(str(file), None)
    file.write_text("nonsense", encoding="utf-8")

    assert read.of(str(file), None) == (first, name)
    assert first.protocol(name).id == name
    with pytest.raises(KnowledgeError):
        Consultants().of(str(file), None)


def test_a_protocol_that_nobody_knows_is_refused_before_and_after_another_was_read() -> None:
    read = Consultants()
    for _ in range(2):
        with pytest.raises(UnknownProtocol, match="uk-ng239"):
            read.of("uk-ng329", None)
        assert read.of("us-aafp", None)[1] == "us-aafp"
    assert read.of("uk-ng239", None)[0] is read.of("us-aafp", None)[0]
