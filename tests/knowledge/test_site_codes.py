"""A site's own code map adds local codes to what is shipped, and changes nothing of it."""

from pathlib import Path

import pytest

from service.domain.terms import Analyte
from service.knowledge.load import load
from tests.knowledge.test_refusals import refusal

LOCAL = "https://hospital.example/codes"
B12 = f"""codes:
  - {{system: "{LOCAL}", code: "B12T", display: "Vitamin B12", test: b12, property: mass}}
"""
GASTRITIS = f"""codes:
  - {{system: "{LOCAL}", code: "PA", display: "Pernicious anaemia", finding: pernicious-anaemia}}
"""


def site(tmp_path: Path, text: str) -> Path:
    """A site's code map with this text."""
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_local_test_code_is_read_as_the_shipped_test(tmp_path: Path) -> None:
    index = load(site_codes=site(tmp_path, B12)).index

    found = index.tests[LOCAL, "B12T"]

    assert (found.test.analyte, found.property) == (Analyte.B12, "mass")


def test_a_local_problem_code_is_read_as_the_shipped_finding(tmp_path: Path) -> None:
    index = load(site_codes=site(tmp_path, GASTRITIS)).index

    found = index.concept(LOCAL, "PA")

    assert found is not None
    assert found.cause == "pernicious-anaemia"


def test_a_local_code_is_never_sent_out(tmp_path: Path) -> None:
    index = load(site_codes=site(tmp_path, B12)).index

    assert (LOCAL, "B12T") not in index.emittable


def test_a_site_map_changes_the_version_of_the_rules(tmp_path: Path) -> None:
    assert load(site_codes=site(tmp_path, B12)).book.version != load().book.version


def test_all_shipped_codes_stay_as_they_were(tmp_path: Path) -> None:
    shipped, with_site = load().index, load(site_codes=site(tmp_path, B12)).index

    assert {key: with_site.concepts[key] for key in shipped.concepts} == shipped.concepts
    assert with_site.tests.keys() - shipped.tests.keys() == {(LOCAL, "B12T")}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (B12 + B12.split("\n")[1] + "\n", 3, "already known"),
        (B12.replace(LOCAL, "http://loinc.org").replace("B12T", "2132-9"), 2, "already known"),
        (GASTRITIS.replace("finding: pernicious-anaemia", "finding: pernicious"), 2, "name a finding"),
        (B12.replace("test: b12", "test: b13"), 2, "name a finding"),
        (B12.replace("property: mass", "property: weight"), 2, "property is one of: mass, moles"),
        (B12.replace(", property: mass", ""), 2, "property is one of: mass, moles"),
        (B12.replace('"B12T"', "12"), 2, "should be a valid string"),
        (B12.replace("display", "name"), 2, "this key is not known"),
        ("", 1, "the file is empty"),
        ("codes: 12:30\n", 1, 'write "12:30"'),
    ],
)
def test_a_wrong_site_map_is_refused_with_its_line(text: str, line: int, says: str, tmp_path: Path) -> None:
    file = site(tmp_path, text)

    error = refusal(None, file)

    assert (error.file, error.line) == (file, line)
    assert says in error.problem


def test_a_site_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(None, tmp_path / "nowhere.yaml").problem
