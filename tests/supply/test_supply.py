"""What the image is made of is told truly: its licences, its bill of materials, what is known against it."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest

from .audit import judged
from .licences import PINNED, Unknown, allowed, licence, listed
from .pins import Pin, pins
from .sbom import broken, completed, wrong

ROWS = listed()


def test_every_package_of_the_image_is_listed_with_its_version_and_an_allowed_licence() -> None:
    pinned = pins(PINNED)

    assert {name for name, pin in pinned.items() if not pin.marker} <= set(ROWS) <= set(pinned), "run `make licences`"
    assert {name: version for name, (version, _) in ROWS.items()} == {name: pinned[name].version for name in ROWS}
    assert [name for name, (_, said) in ROWS.items() if not allowed(said)] == []


def test_what_is_listed_is_what_the_installed_packages_say() -> None:
    looked_at = 0
    for name, (version, said) in ROWS.items():
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if package.version == version:
            looked_at += 1
            assert licence(package)[0] == said, name

    assert looked_at > 30


class Said(Distribution):
    """A package that says this of its licence."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self._text = "\n".join(["Metadata-Version: 2.4", "Name: pkg", "Version: 1", *lines]) + "\n"
        self._folder = folder

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return self._folder / str(path)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["License-Expression: AGPL-3.0-only"],
        ["License-Expression: GPL-3.0-only", "Classifier: License :: OSI Approved :: MIT License"],
        ["License-Expression: MIT AND GPL-2.0-only"],
        ["Classifier: License :: Other/Proprietary License", "License: MIT"],
        ["License: as you like it"],
    ],
)
def test_a_licence_that_is_forbidden_or_unknown_stops_the_page(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(Unknown, match="pkg 1"):
        licence(Said(tmp_path, *lines))


@pytest.mark.parametrize(
    ("expression", "held"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("", False),
        ("MIT AND", False),
    ],
)
def test_of_alternatives_one_must_be_allowed_and_of_a_whole_every_part(expression: str, held: bool) -> None:
    assert allowed(expression) is held


def bill(*components: dict[str, Any]) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": list(components)}


FLASK = {"type": "library", "name": "Flask", "version": "3.1.3", "licenses": [{"license": {"id": "BSD-3-Clause"}}]}
PINS = {"flask": Pin("flask", "3.1.3", "", ("0" * 64,))}


def test_a_bill_that_lists_what_is_pinned_is_right() -> None:
    told = completed(bill(dict(FLASK)), PINS, {})

    assert wrong(told, PINS, "b12-cds") == []
    assert told["components"][0]["properties"] == [{"name": "b12-cds:pinned:sha256", "value": "0" * 64}]


def test_a_component_that_names_no_licence_has_the_one_that_the_page_lists() -> None:
    told = completed(bill({**FLASK, "licenses": []}), PINS, {"flask": ("3.1.3", "BSD-3-Clause")})

    assert told["components"][0]["licenses"] == [{"expression": "BSD-3-Clause", "acknowledgement": "declared"}]


@pytest.mark.parametrize(
    ("components", "said"),
    [
        ([], "flask is pinned and not listed"),
        ([FLASK, {**FLASK, "name": "extra"}], "extra 3.1.3 is not pinned"),
        ([{**FLASK, "version": "3.1.2"}], "flask is listed as 3.1.2 and pinned to 3.1.3"),
        ([{**FLASK, "licenses": []}], "Flask has no licence"),
    ],
)
def test_a_bill_that_differs_from_the_pins_is_wrong(components: list[dict[str, Any]], said: str) -> None:
    assert said in wrong(bill(*components), PINS, "b12-cds")


def test_a_bill_that_is_no_cyclonedx_is_found() -> None:
    pytest.importorskip("cyclonedx", reason="the bill's own schema comes with requirements/supply.txt: `make sbom`")

    assert broken('{"bomFormat": "CycloneDX"}') is not None


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "nothing known"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "SKIPPED"),
        ([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "x"}], 0, "SKIPPED, no data: b"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: PYSEC-1, mended in 2",
        ),
    ],
)
def test_a_known_vulnerability_fails_and_missing_data_is_said(
    packages: list[dict[str, Any]], code: int, said: str
) -> None:
    found, words = judged({"dependencies": packages})

    assert found == code
    assert said in words
