"""The plan for each situation is the one that was kept; `python -m tests.golden` writes them anew."""

from __future__ import annotations

from service.domain.situation import Situation
from service.domain.terms import Mechanism

from . import plans


def test_each_situation_has_the_plan_that_was_kept() -> None:
    assert plans.written().splitlines() == plans.FILE.read_text(encoding="utf-8").splitlines()


def test_what_is_not_said_of_a_situation_is_not_so() -> None:
    said = Situation(Mechanism.DIETARY, *[False] * 4, frozenset(), *[False] * 5)

    assert Situation(Mechanism.DIETARY) == said
    assert [*map(type, Situation(Mechanism.DIETARY))] == [*map(type, said)]
