"""What is installed holds all that the service reads at run time, and the image is built from just that."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]
DATA = {".yaml", ".html", ".css", ".json"}


def held() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA | {".py"}
    }


def test_the_wheel_holds_every_module_mapping_and_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)

    wheel = tmp_path / build.build_wheel(str(tmp_path))

    names = set(zipfile.ZipFile(wheel).namelist())
    assert held() <= names
    assert {"mappings/sources.yaml", "service/sandbox/templates/sandbox/card.html"} <= names
    assert not any(name.startswith(("tests/", "bench/")) for name in names)


def test_the_image_is_built_from_what_the_wheel_is_made_of() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {source for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.M) for source in line.split()}
    let_through = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M))

    pinned = {"requirements/image.txt", "requirements/build.txt"}
    assert copied == let_through == {*PACKAGES, *pinned, "pyproject.toml", "README.md"}


def test_the_image_runs_the_service_and_is_not_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert 'CMD ["b12-cds", "serve"]' in dockerfile
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfile, re.M)
    assert "HEALTHCHECK" in dockerfile
    assert "[sandbox" not in dockerfile
    assert "[test" not in dockerfile
