"""The editor's schemas are those of the code, and the command that keeps and checks the mappings."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from service.knowledge.__main__ import main
from service.knowledge.editor import COMMAND, KINDS, schema_of, texts
from service.knowledge.load import shipped
from service.knowledge.strict_yaml import read

FOLDER = shipped() / "schema"
BY_NAME = {
    "findings/analytes": "analytes",
    "findings/units": "units",
    "findings/routes": "routes",
    "protocols/common": "common",
}
BY_FOLDER = {"findings": "findings", "causes": "cause", "protocols": "protocol"}


def kind_of(file: Path) -> str:
    """The kind of a mapping file, by where it stands."""
    name = file.relative_to(shipped()).with_suffix("").as_posix()
    return BY_NAME.get(name) or BY_FOLDER.get(name.split("/")[0]) or name.split("/")[0]


def as_json(value: Any) -> Any:
    """A YAML value as an editor's JSON Schema sees it: a day is text."""
    if isinstance(value, dict):
        return {key: as_json(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_json(child) for child in value]
    return value.isoformat() if isinstance(value, date) else value


def test_the_committed_schemas_are_those_of_the_code() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.schema.json")}

    assert committed == texts(), f"run: {COMMAND}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("file", sorted(shipped().rglob("*.yaml")), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_mapping_file_is_valid_in_the_editor(file: Path) -> None:
    validator = Draft202012Validator(schema_of(kind_of(file)))

    assert [error.message for error in validator.iter_errors(as_json(read(file).value))] == []


def common() -> Any:
    return as_json(read(shipped() / "protocols" / "common.yaml").value)


def test_the_editor_marks_a_number_without_quotes() -> None:
    written = common()
    written["limits"]["mma-raised"]["value"] = 0.40

    assert not Draft202012Validator(schema_of("common")).is_valid(written)


def test_the_editor_marks_an_unknown_key_and_an_unknown_limit() -> None:
    for change in ({"colour": "red"}, {"limits": {"age-maximum": common()["limits"]["age-minimum"]}}):
        assert not Draft202012Validator(schema_of("common")).is_valid(common() | change)


def test_the_editor_writes_keys_with_hyphens() -> None:
    assert "_" not in "".join(schema_of("protocol")["properties"])


def test_check_says_how_much_there_is_of_each_kind() -> None:
    ran = CliRunner().invoke(main, ["check"])

    assert ran.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in ran.output.splitlines())
    assert lines.keys() == {
        *("sources", "findings", "tests", "causes", "regimens", "products", "limits", "protocols"),
        *("conflicts", "investigations", "wording", "quieting", "calendar", "codes", "citations", "version"),
    }
    assert lines["protocols"] == "files 3, rows 36"


def test_check_counts_every_letter() -> None:
    ran = CliRunner().invoke(main, ["check"])
    written = next(line for line in ran.output.splitlines() if line.startswith("citations"))
    total, *letters = (int(part.split()[-1]) for part in written.split(", "))

    text = "".join(file.read_text(encoding="utf-8") for file in shipped().rglob("*.yaml"))

    assert total == sum(letters)
    assert letters == [text.count(f"letter: {letter}") for letter in "VSM"]


def test_check_of_a_broken_folder_says_file_line_and_problem_and_fails(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped(), tmp_path / "mappings"))
    file = folder / "regimens" / "uk.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("drug: hydro", "drug: x", 1), encoding="utf-8")

    ran = CliRunner().invoke(main, ["check", str(folder)])

    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("mappings/regimens/uk.yaml:5: xxocobalamin is not in drugs.yaml")


def test_check_of_no_folder_fails(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["check", str(tmp_path / "nowhere")]).exit_code != 0


def test_schema_writes_every_schema_and_takes_away_what_is_of_no_kind(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "old.schema.json").write_text("{}", encoding="utf-8")

    ran = CliRunner().invoke(main, ["schema", str(tmp_path)])

    assert ran.exit_code == 0
    written = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in (tmp_path / "schema").iterdir()}
    assert written == {f"{kind}.schema.json": schema_of(kind) for kind in KINDS}
