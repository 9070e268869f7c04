"""What is said of unsigned orders is what was kept; `python -m tests.golden` writes it anew."""

from __future__ import annotations

from functools import cache

import pytest

from . import orders


@cache
def known() -> tuple[str, ...]:
    return tuple(orders.FILE.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(("protocol", "patient"), orders.ASKED)
def test_of_each_order_of_each_patient_is_said_what_was_kept(protocol: str, patient: str) -> None:
    wanted = [line for line in known() if line.startswith(f"{protocol}, {patient}, ")]

    assert [*orders.lines(protocol, patient)] == [
        line for line in wanted if not any(line.startswith(f"{protocol}, {other}, ") for other in longer(patient))
    ]


def longer(patient: str) -> list[str]:
    return [other for other in orders.PATIENTS if other != patient and other.startswith(patient)]
