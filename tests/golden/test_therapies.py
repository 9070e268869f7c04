"""What is said of B12 on record is what was kept; `python -m tests.golden` writes it anew."""

from __future__ import annotations

from . import therapies


def test_of_each_therapy_is_said_what_was_kept() -> None:
    assert therapies.written().splitlines() == therapies.FILE.read_text(encoding="utf-8").splitlines()
