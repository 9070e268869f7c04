"""When what is watched falls due: a wrong line is refused with its place, and the numbers are typed a second time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.knowledge.load import load, shipped
from service.knowledge.strict_yaml import KnowledgeError
from tests.knowledge.printed import departures
from tests.smart.patients import all_decided


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("watches: TSH", "watches: TSHH", "there is no other sentence TSHH; did you mean TSH"),
        ("watches: potassium if the anaemia is severe", "watches: TSH", "there is no other sentence TSH"),
        ("regimen: US-IM-TRAD", "regimen: US-IM-TRADE", "there is no regimen US-IM-TRADE; did you mean US-IM-TRAD"),
        ("{from: 7, to: 10, unit: d}", "{from: 10, to: 7, unit: d}", "7 is below 10"),
        ("{from: 7, to: 10, unit: d}", "{from: 7, to: 10, unit: a}", "unit"),
        ("    due: review", "    due: sometime", "due"),
        ("may-be: [1, 2]", "may-be: []", "may-be"),
        ("{source: BNSSG, letter: V}", "{source: NOBODY, letter: V}", "NOBODY is not in sources.yaml"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(tmp_path: Path, written: str, instead: str, told: str) -> None:
    folder = tmp_path / "mappings"
    shutil.copytree(shipped(), folder)
    file = folder / "calendar.yaml"
    text = file.read_text(encoding="utf-8")
    assert written in text
    file.write_text(text.replace(written, instead, 1), encoding="utf-8")

    with pytest.raises(KnowledgeError, match=rf"calendar\.yaml:\d+: .*{told}"):
        load(folder)


def test_what_a_later_step_waits_for_is_said_by_a_plan() -> None:
    said = {s.begins_if for d in all_decided() for o in d.plan.options for s in o.steps}

    assert set(load().book.calendar.conditions) <= said


@pytest.mark.parametrize(
    ("written", "instead"),
    [("{from: 7, to: 10, unit: d}", "{from: 7, to: 11, unit: d}"), ("may-be: [1, 2]", "may-be: [1, 2, 3]")],
)
def test_a_changed_number_is_noticed(tmp_path: Path, written: str, instead: str) -> None:
    folder = tmp_path / "mappings"
    shutil.copytree(shipped(), folder)
    assert departures(load(folder).book, folder) == []
    file = folder / "calendar.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(written, instead, 1), encoding="utf-8")

    assert len(departures(load(folder).book, folder)) == 1
