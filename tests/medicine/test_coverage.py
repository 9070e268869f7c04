"""What the vignettes cover, and what they do not yet, by name and with the reason."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.vignettes import PROTOCOLS, vignettes

from .causes import ACCEPTABLE

NUMBERS = """
    02 03 04 06a 06b 06c 06d 07a 07b 08 09a 09b 10 11 12 14a 14b 14c 15 16 19 20 21 23 25 26 27 28
    29 31 32 34 35 36 37 38 39 41 42 43 44 49 50 51 54 55 56 57 58 59 60 62 65 69 70 72 75 76 77 79
    80 82 83 84 86 87 88 89 90 91 93 96 97 100 101
"""
REFERENCE = frozenset(f"V{number}" for number in NUMBERS.split())


def test_covered_and_not_yet_covered_are_all_of_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    told = [each for each in vignettes() if not each.id.startswith("B")]
    covered = {each.id for each in told if each.covered}
    waiting = {each.id: each.because for each in told if not each.covered}
    with capsys.disabled():
        sys.stdout.writelines(f"\nnot yet covered: {name}, {because}" for name, because in waiting.items())

    assert len(REFERENCE) == 75
    assert covered | set(waiting) == REFERENCE
    assert not covered & set(waiting)


def test_no_id_is_used_twice() -> None:
    assert [name for name, times in Counter(each.id for each in vignettes()).items() if times > 1] == []


def test_whatever_is_not_covered_says_why_and_what() -> None:
    for each in vignettes():
        assert each.covered != bool(each.because)
        assert each.covered != bool(each.unchecked)


def test_every_vignette_is_asked_of_at_least_one_protocol_and_rests_on_something() -> None:
    for each in vignettes():
        assert set(each.expect.under) <= set(PROTOCOLS)
        assert each.expect.under
        assert each.rests_on


def test_every_cause_a_vignette_names_is_one_that_the_mapping_files_know() -> None:
    known = {file.stem for file in (Path(__file__).parents[2] / "mappings" / "causes").glob("*.yaml")}
    named = {each.expect.cause for each in vignettes() if each.expect.cause}

    assert named <= set(ACCEPTABLE)
    assert frozenset().union(*ACCEPTABLE.values()) <= known
