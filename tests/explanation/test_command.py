"""`b12-cds explain`: the answer first, then why; a clear error for what cannot be explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from service.cli import main
from service.explanation import schema
from tests.medicine.ask import chart_of
from tests.vignettes import TODAY, vignette


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    file = tmp_path / "chart.json"
    file.write_text(json.dumps(chart_of(vignette("V69"))), encoding="utf-8")
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments), "--date", TODAY.isoformat()])


def test_a_person_reads_the_card_the_rule_that_fits_and_each_options_fate(chart: Path) -> None:
    said = run(chart, "--protocol", "us-aafp")

    assert said.exit_code == 0
    assert said.output.startswith("[warning] B12 deficiency confirmed")
    for words in (
        "FITS K3",
        "recommended: US-ORAL-HIGH",
        "later: US-IM-TRAD",
        "modifier bleeding-risk",
        "uk-ng239: confirmed by rule K3",
    ):
        assert words in said.output


def test_a_program_reads_json_as_the_schema_says(chart: Path) -> None:
    said = run(chart, "--protocol", "uk-ng239", "--json")

    Draft202012Validator(json.loads(schema.COMMITTED.read_text(encoding="utf-8"))).validate(json.loads(said.output))


@pytest.mark.parametrize(
    ("content", "protocol", "words"),
    [
        ("{}", "us-aafp", "neither a FHIR resource"),
        ("not json", "us-aafp", "not a JSON object"),
        ('{"resourceType": "Bundle"}', "nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_explained_is_said_to_be_so(tmp_path: Path, content: str, protocol: str, words: str) -> None:
    file = tmp_path / "chart.json"
    file.write_text(content, encoding="utf-8")
    said = run(file, "--protocol", protocol)

    assert said.exit_code == 1
    assert words in said.output


def test_without_a_protocol_it_says_how_to_give_one(chart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("B12_PROTOCOL", raising=False)

    assert "give --protocol or set B12_PROTOCOL" in run(chart).output
