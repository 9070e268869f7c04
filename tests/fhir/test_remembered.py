"""What recurs is worked out once, within bounds."""

from __future__ import annotations

import pytest

from service.fhir.remembered import Remembered


def remembering(most: int = 3) -> tuple[Remembered[str, str], list[str]]:
    worked_out: list[str] = []

    def work_out(key: str) -> str:
        worked_out.append(key)
        if key == "bad":
            raise ValueError(key)
        return key.upper()

    return Remembered(work_out, most, lambda key: len(key) < 5), worked_out


def test_what_is_known_is_not_worked_out_again() -> None:
    known, worked_out = remembering()

    assert [known["a"], known["a"], known["b"], known["a"]] == ["A", "A", "B", "A"]
    assert worked_out == ["a", "b"]


def test_what_is_too_long_is_worked_out_each_time_and_not_kept() -> None:
    known, worked_out = remembering()

    assert [known["abcde"], known["abcde"]] == ["ABCDE", "ABCDE"]
    assert worked_out == ["abcde", "abcde"]
    assert len(known) == 0


def test_it_begins_anew_when_it_is_full() -> None:
    known, worked_out = remembering(most=3)
    for key in "abcd":
        assert known[key] == key.upper()

    assert dict(known) == {"d": "D"}
    assert known["a"] == "A"
    assert worked_out == ["a", "b", "c", "d", "a"]


def test_what_cannot_be_worked_out_is_asked_again() -> None:
    known, worked_out = remembering()

    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            known["bad"]
    assert worked_out == ["bad", "bad"]
    assert len(known) == 0
