"""The Dockerfile is read whole and in order: what changes often is laid last, and nothing is passed over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.supply.pins import ROOT

from .dockerfile import Refused, Stage, context, key, stages
from .layers import TOLD_ONLY

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what the image is built from."""
    for file in [*context(ROOT), Path(".dockerignore")]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    return tmp_path


def keys(folder: Path) -> dict[str, list[str]]:
    """What the layers of each stage are known by."""
    made: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    files = context(folder)
    for stage in stages((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        known = last.get(stage.base, stage.base)
        made[stage.name] = []
        for instruction in stage.instructions:
            if instruction.word not in TOLD_ONLY:
                known = key(known, instruction, folder, files, last)
                made[stage.name].append(known)
        last[stage.name] = known
    return made


def test_a_changed_rule_leaves_the_dependencies_as_they_were_built(folder: Path) -> None:
    before = keys(folder)
    (folder / "mappings" / "drugs.yaml").write_text("changed")
    after = keys(folder)

    assert after["dependencies"] == before["dependencies"]
    assert after["build"][:2] == before["build"][:2]  # what builds the package stays too
    assert after["build"][-1] != before["build"][-1]


def test_a_changed_pin_builds_them_anew(folder: Path) -> None:
    before = keys(folder)
    with (folder / "requirements" / "image.txt").open("a") as pinned:
        pinned.write("# changed\n")
    after = keys(folder)

    assert after["dependencies"][-1] != before["dependencies"][-1]


def test_the_last_stage_takes_what_changes_seldom_before_what_changes_often() -> None:
    last = stages(TEXT)[-1]
    copies = [each.options["from"] for each in last.instructions if each.word == "COPY"]

    assert copies == ["dependencies", "build"]


def test_only_what_the_package_is_built_from_is_let_through() -> None:
    let_through = {file.parts[0] for file in context(ROOT)}

    assert let_through == {"pyproject.toml", "README.md", "requirements", "cds_hooks", "mappings", "service"}
    assert not any("__pycache__" in file.parts for file in context(ROOT))


def test_everything_is_installed_by_hash_or_built_here() -> None:
    installing = [each.rest for stage in stages(TEXT) for each in stage.instructions if "install" in each.rest]

    assert installing
    for command in installing:
        for part in command.split("&&"):
            if " install " in part:
                assert "--require-hashes" in part or "/wheels/" in part, part


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM a\nONBUILD RUN true\n", "line 2"),
        ("RUN true\n", "before the first FROM"),
        ("FROM a b c\n", "line 1"),
        ("FROM a\nRUN \\\n", "line 2"),
    ],
)
def test_what_the_check_cannot_carry_out_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        stages(text)


def test_a_source_that_is_not_let_through_is_refused(folder: Path) -> None:
    (stage,) = stages("FROM base\nCOPY tests tests\n")
    (copy,) = stage.instructions

    with pytest.raises(Refused, match="lets no tests through"):
        key("", copy, folder, context(folder), {})


def test_lines_that_go_on_and_options_are_read() -> None:
    (stage,) = stages('FROM a AS b\n# why\nRUN one \\\n && two\nHEALTHCHECK --retries=3 CMD ["x", \\\n "y"]\n')

    assert stage == Stage("a", "b", stage.instructions)
    run, health = stage.instructions
    assert (run.rest.split(), run.line) == (["one", "&&", "two"], 3)
    assert health.options == {"retries": "3"}
