"""When what is watched falls due: days and weeks by the day, months by the calendar."""

from __future__ import annotations

from datetime import date

import pytest

from service.domain.due import Due

START = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("due", "days"),
    [
        (Due(3, 10, "d"), (date(2026, 2, 3), date(2026, 2, 10))),
        (Due(1, 8, "wk"), (date(2026, 2, 7), date(2026, 3, 28))),
        (Due(1, 12, "mo"), (date(2026, 2, 28), date(2027, 1, 31))),
        (Due(0, 0, "wk"), (START, START)),
    ],
)
def test_a_check_falls_due_from_a_day_to_a_day(due: Due, days: tuple[date, date]) -> None:
    assert due.days(START) == days
