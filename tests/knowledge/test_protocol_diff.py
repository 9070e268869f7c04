"""Two protocols beside each other: the values that differ, and the patients who are answered otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.compare.answers import Side, differing
from service.compare.text import differences
from service.compare.values import changes, said
from service.compare.worked import worked
from service.consult import following
from service.domain.protocol import Limits
from service.knowledge.load import load, shared_units
from tests.knowledge.local import PLAIN, example, saved
from tests.vignettes import vignettes
from tests.worked import SHIPPED, drawn

CITE = "cite: {source: OURS, letter: V}"


def side(name: object) -> Side:
    return Side(*following(str(name)))


def lines(one: object, other: object) -> list[str]:
    return list(differences(side(one), side(other)))


def changed(folder: Path, more: str) -> tuple[list[tuple[str, str, str]], set[str]]:
    """What a plain file with more in it changes of its parent: values, and patients by id."""
    using, name = following(str(saved(folder, PLAIN + more)))
    one, other = Side(using, "uk-ng239"), Side(using, name)
    values = changes(*(said(using.protocol(each.name), using.book) for each in (one, other)))
    return values, {found.patient.id for found in differing(one, other)}


def test_the_shipped_patients_are_the_vignettes() -> None:
    assert [patient.id for patient in worked()] == [told.id for told in vignettes()]
    assert SHIPPED.read_text(encoding="utf-8") == drawn(), "run: python -m tests.golden"


def test_a_protocol_does_not_differ_from_itself() -> None:
    assert lines("uk-ng239", "uk-ng239")[1:] == [
        "",
        "Values: 0 differ.",
        "",
        f"Worked patients: 0 of {len(worked())} are answered otherwise.",
    ]


def test_a_file_that_only_names_itself_changes_its_heading_and_no_patient(tmp_path: Path) -> None:
    values, patients = changed(tmp_path, "")

    assert [place for place, _, _ in values] == ["title", "publisher", "in force", "rests on"]
    assert patients == set()


def test_a_moved_line_changes_that_value_and_the_patients_between(tmp_path: Path) -> None:
    values, patients = changed(
        tmp_path,
        f'bands:\n  active-b12:\n    {CITE}\n    lines:\n      pmol/L: {{low-below: "26", unlikely-above: "70"}}\n',
    )

    assert values[4:] == [
        (
            "band of active B12 in pmol/L",
            "low below 25, unlikely above 70 (NG239-thresholds, S)",
            "low below 26, unlikely above 70 (OURS, V)",
        )
    ]
    assert "V06b" in patients
    assert "V06a" not in patients
    assert len(patients) < 10


@pytest.mark.parametrize("name", ["homocysteine-raised", "potassium-low", "b12-months", "treated-weeks"])
def test_every_limit_is_told_with_its_unit_and_source(tmp_path: Path, name: str) -> None:
    usual = getattr(load().book.protocols["uk-ng239"].limits, name.replace("-", "_"))
    unit = shared_units()[name]
    values, _ = changed(tmp_path, f'limits:\n  {name}: {{value: "{usual * 2}", unit: {unit}, {CITE}}}\n')

    ((_, before, after),) = (found for found in values if found[0] == f"limit {name}")
    assert before.startswith(f"{usual} {unit} (")
    assert after == f"{usual * 2} {unit} (OURS, V)"


def test_no_limit_is_left_out() -> None:
    protocol = load().book.protocols["us-label"]
    told = said(protocol, load().book)

    assert {place for place in told if place.startswith("limit ")} == {
        f"limit {name.replace('_', '-')}" for name in Limits.__dataclass_fields__
    }


def test_whatever_a_protocol_holds_is_laid_side_by_side(tmp_path: Path) -> None:
    values, _ = changed(tmp_path, f"screening: {{needs-symptom: false, causes: [diet], {CITE}}}\n")
    ((_, before, after),) = values[4:]

    assert before.startswith("needs symptom yes")
    assert after == "needs symptom no; age over none; causes diet; cite OURS, V"


def test_the_example_names_the_patients_it_changes_and_how(tmp_path: Path) -> None:
    told = lines("uk-ng239", saved(tmp_path, example()))
    start = told.index("  V41 Vegan with a low B12")

    assert told[start + 1].startswith("    recommended: UK-ORAL-DIET, oral:")
    assert " -> UK-HYDROXO-STD, intramuscular:" in told[start + 1]
    assert told[start + 2].startswith("    plan 2: UK-HYDROXO-STD")
    assert "    status: indeterminate, rule K7 -> confirmed, rule K3" in told
    assert "  limit review-months: 3 mo (NG239-SPS, S) -> 2 mo (EXAMPLE-POLICY, V)" in told


def test_where_only_the_product_or_the_day_differs_the_patients_are_named_in_one_line(tmp_path: Path) -> None:
    more = f'limits:\n  review-months: {{value: "2", unit: mo, {CITE}}}\n'
    told = list(differences(side("uk-ng239"), side(saved(tmp_path, PLAIN + more))))

    assert told[-1].startswith("  The same plan, by another product, amount or day, for ")
    assert "V87" in told[-1]
    assert not any(line.startswith("    recommended") for line in told)


def test_two_editions_of_one_file_can_be_laid_side_by_side(tmp_path: Path) -> None:
    last = saved(tmp_path, example(), "last.yaml")
    this = saved(tmp_path, example().replace('value: "2", unit: mo', 'value: "1", unit: mo'), "this.yaml")

    assert "  limit review-months: 2 mo (EXAMPLE-POLICY, V) -> 1 mo (EXAMPLE-POLICY, V)" in lines(last, this)
    assert "Values: 1 differ." in lines(last, this)
