"""What is said of unsigned orders is what was kept; `python -m tests.golden` writes it anew."""

from __future__ import annotations

from functools import cache

import pytest

from . import orders


@cache
def known() -> dict[str, list[str]]:
    """The lines that were kept, by their heading."""
    _, *sections = orders.FILE.read_text(encoding="utf-8").split("# ")
    return {heading: lines for heading, *lines in map(str.splitlines, sections)}


@pytest.mark.parametrize(("protocol", "patient"), orders.ASKED)
def test_of_each_order_of_each_patient_is_said_what_was_kept(protocol: str, patient: str) -> None:
    assert [*orders.lines(protocol, patient)] == known()[orders.heading(protocol, patient).removeprefix("# ")]


def test_nobody_is_kept_who_is_not_asked_about() -> None:
    assert {*known()} == {orders.heading(*asked).removeprefix("# ") for asked in orders.ASKED}
