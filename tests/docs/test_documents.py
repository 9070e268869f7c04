"""What the documents say to do is done: every file, command and request in them, against a service that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.cli import main

from .fences import DOCUMENTS, ROOT, Kind, Unmarked, blocks
from .trying import Trial, Untrue, within

TESTS = {
    (file.relative_to(ROOT).as_posix(), found[1])
    for file in (ROOT / "tests").rglob("test_*.py")
    for found in re.finditer(r"^(?:async )?def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
}
#: Documents that hold each thing they say against a test.
HELD = ("clinical-safety.md", "security.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_does_as_it_says(document: Path, tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    found = blocks(document)
    trial.prepare(found)
    try:
        for block in found:
            trial.do(block)
    finally:
        trial.end()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"`b12-cds ([a-z-]+)(?: ([a-z-]+))?", document.read_text(encoding="utf-8")))
    groups = {name: set(getattr(command, "commands", ())) for name, command in main.commands.items()}

    assert {name for name, _ in named} <= set(groups)
    assert {(name, below) for name, below in named if below and groups[name] and below not in groups[name]} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_file_that_a_document_links_to_is_there(document: Path) -> None:
    linked = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [link for link in linked if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", HELD)
def test_every_test_that_a_document_rests_on_exists(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text))

    assert len(named) > 20
    assert named - TESTS == set()
    assert not re.search(r"`test_\w+`", text), "a test is named with its file"


@pytest.mark.parametrize("name", HELD)
def test_every_row_that_names_a_mitigation_names_its_test(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([HT]\d+) \|.*$", text, re.MULTILINE)
    whole = re.findall(r"^\| [HT]\d+ \|.*$", text, re.MULTILINE)

    assert len(rows) == len(set(rows)) > 10
    assert [row[:60] for row in whole if "::test_" not in row and "not shown by a test:" not in row] == []


def written(folder: Path, text: str) -> Path:
    document = folder / "page.md"
    document.write_text(text, encoding="utf-8")
    return document


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nb12-cds serve\n```\n",
        "```console\n$ true\n```\n",
        "```sh not-run later\ntrue\n```\n",
        "```http\nGET / HTTP/1.1\n```\n",
        "```yaml keep=x\na: 1\n```\n",
        "Then\n\n    b12-cds serve --port 1\n",
    ],
)
def test_a_command_without_a_mark_is_found(text: str, tmp_path: Path) -> None:
    with pytest.raises(Unmarked):
        blocks(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "```sh run\nfalse\n```\n",
        "```sh run\necho one\n```\n\n```text said\ntwo\n```\n",
        "```http 200\nGET /healthz HTTP/1.1\n```\n",
    ],
)
def test_what_does_not_hold_is_found(text: str, tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    *before, last = (block for block in blocks(written(tmp_path, text)))
    for block in before:
        trial.do(block)

    with pytest.raises(Untrue):
        trial.do(last)


def test_a_command_that_ends_as_it_should_is_good(tmp_path: Path) -> None:
    text = (
        "```sh run exit=3\necho one two; exit 3\n```\n\n```text said\none…\n```\n\n"
        "```sh not-run needs a container engine\nx\n```\n"
    )
    trial = Trial(tmp_path)
    found = blocks(written(tmp_path, text))

    for block in found:
        trial.do(block)
    assert [block.kind for block in found] == [Kind.RUN, Kind.SAID, Kind.NOT_RUN]


def test_a_part_is_found_in_the_whole() -> None:
    assert within({"a": [{"b": "x…"}]}, {"a": [{"b": "y"}, {"b": "xyz", "c": 1}]})
    assert not within({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]})
    assert not within({"a": 1}, {"b": 1})
