"""What of a patient makes a difference between guidelines matter, in words."""

from __future__ import annotations

from service.domain.conflicts import TESTS, seen
from service.domain.modifiers import Modifiers
from service.domain.recommend import Plan
from tests.medicine.test_sharp import BOOK, b12, judged
from tests.medicine.test_sharp import seen as evidence


def test_all_that_is_wanted_and_present_is_named_in_order() -> None:
    labs = (b12("100"),)
    patient = seen(
        evidence(*labs), judged(*labs), Modifiers({}, (), ()), Plan((), None, None, None), BOOK.protocols.values()
    )._replace(causes=("b", "c", "a"))

    assert TESTS["causes"](patient, frozenset({"a", "b", "d"})) == "the cause a, b"
    assert TESTS["causes"](patient, frozenset({"d"})) is None
