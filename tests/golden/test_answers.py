"""Answers kept in short are still given, and all are kept; after an intended change run `python -m tests.golden`."""

from __future__ import annotations

import pytest

from service.evaluate import shipped
from tests.vignettes import PROTOCOLS

from .answers import kept, line, questions


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_kept_answer_is_still_given_for_the_same_reasons(protocol: str) -> None:
    asked = [question for question in questions() if question.protocol == protocol]
    given = {question.name: line(question.answer(shipped()), shipped()) for question in asked}

    assert {name: text for name, text in given.items() if kept().get(name) != text} == {}


def test_nothing_is_kept_that_is_no_longer_asked() -> None:
    assert {question.name for question in questions()} == set(kept())
