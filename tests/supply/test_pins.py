"""What is installed is pinned to its bytes: every file of pins is whole, and they agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .pins import ROOT, Lock, locks, normal, pins

LOCKS = locks()
IDS = [lock.path.name for lock in LOCKS]


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_all_that_is_asked_for_is_pinned_with_its_hashes(lock: Lock) -> None:
    assert lock.names - set(pins(lock.path)) == set(), "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_no_file_names_an_index(lock: Lock) -> None:
    text = lock.path.read_text(encoding="utf-8")

    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_two_files_never_pin_two_versions_of_one_package() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        if "supply" in lock.parts:
            continue  # installed by itself, beside nothing
        for name, pin in pins(lock.path).items():
            versions.setdefault(name, set()).add(pin.version)

    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_image_holds_nothing_that_only_tests_or_the_demo_need() -> None:
    held = {part: lock for lock in LOCKS for part in lock.parts}
    image = next(lock for lock in LOCKS if lock.path.name == "image.txt")
    foreign = set().union(*(held[part].names for part in ("test", "sandbox", "mutation", "browser", "supply")))

    assert {"sandbox", "test", "browser", "mutation", "supply"}.isdisjoint(image.parts)
    assert (foreign - image.names) & set(pins(image.path)) <= _needed_by_others()


def _needed_by_others() -> set[str]:
    """What a test asks for by name and the service needs as well, through another package."""
    return {"packaging"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["mutation"]', '["mutatoin"]', "no extra called mutatoin"),
        ('"requirements/supply.txt" = ["supply"]\n', "", "no file holds supply"),
    ],
)
def test_an_extra_that_no_file_holds_is_told(folder: Path, old: str, new: str, said: str) -> None:
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert old in written
    (folder / "pyproject.toml").write_text(written.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(ValueError, match=said):
        locks(folder)


def test_a_pin_without_its_hash_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pins.txt"
    file.write_text("flask==3.1.3\n")

    with pytest.raises(ValueError, match="make lock"):
        pins(file)


def test_a_package_has_one_name_however_it_is_spelled() -> None:
    assert normal("Flask_WTF") == normal("flask.wtf") == "flask-wtf"
