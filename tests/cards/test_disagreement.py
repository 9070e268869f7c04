"""Two protocols never disagree silently: where a card is shown, it names every protocol that answers otherwise."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Any

import pytest

from tests.medicine.ask import Answer, answer, chart_of, recommended
from tests.vignettes import PROTOCOLS, Vignette, vignettes

PAIRS = tuple(permutations(PROTOCOLS, 2))
#: What a card calls each status; a site may reword it, and then here too.
STATUS = {
    "confirmed": "deficiency confirmed",
    "indeterminate": "not settled",
    "unlikely": "deficiency unlikely",
    "unknown": "not known",
    "on-treatment": "on treatment",
    "out-of-scope": "out of scope",
}
DURATION = {
    "lifelong": "for life",
    "while-cause-persists": "while the cause lasts",
    "until-review": "until the review decides",
    "specialist": "as the specialist decides",
}
SHAPE = {"oral": "tablets", "intramuscular": "injections", "subcutaneous": "deep subcutaneous", "nasal": "nasal"}


@cache
def answers(name: str) -> dict[str, Answer]:
    told = next(each for each in vignettes() if each.id == name)
    return {protocol: answer(chart_of(told), protocol, told.today) for protocol in PROTOCOLS}


def differences(own: Answer, other: Answer) -> dict[str, str]:
    """What the other protocol answers, where it is not what this one answers."""
    mine, theirs = first(own), first(other)
    found = {}
    if own["status"] != other["status"]:
        found["status"] = STATUS[other["status"]]
    if theirs is None:
        if mine is not None:
            found["plan"] = "no order"
        return found
    for element in ("regimen", "drug", "route", "duration"):
        if mine is None or mine[element] != theirs[element]:
            found[element] = theirs[element]
    return found


def first(given: Answer) -> dict[str, Any] | None:
    return recommended(given)


def clauses(card: dict[str, Any]) -> dict[str, str]:
    """What the card says of each other protocol, by its id."""
    line = next((line for line in card["detail"].splitlines() if line.startswith("- For this patient ")), "")
    said = {}
    for clause in line.removeprefix("- For this patient ").rstrip(".").split("; "):
        names, _, words = clause.partition(": ")
        said |= {name: words for protocol in PROTOCOLS for name in [protocol] if name in names.split(" and ")}
    return said


@pytest.mark.parametrize("told", vignettes(), ids=lambda told: told.id)
def test_a_card_names_each_protocol_that_answers_otherwise_and_how(told: Vignette) -> None:
    given = answers(told.id)
    for own, other in PAIRS:
        found = differences(given[own], given[other])
        if not given[own]["cards"]:
            continue
        said = clauses(given[own]["cards"][0]).get(other)
        if not found:
            assert said is None, f"{own} names {other}, which agrees"
            continue
        assert said is not None, f"{own} does not name {other}: {found}"
        assert found.get("status", "") in said
        if found.get("plan"):
            assert "no order" in said
        if "drug" in found or "regimen" in found:
            assert recommended(given[other])["drug"] in said
        if "route" in found:
            assert SHAPE[found["route"]] in said
        if "duration" in found and first(given[own]) is not None:
            assert DURATION[found["duration"]] in said


def test_protocols_that_agree_are_not_named() -> None:
    agreeing = [
        (told.id, own)
        for told in vignettes()
        for own, other in PAIRS
        if answers(told.id)[own]["cards"] and not differences(answers(told.id)[own], answers(told.id)[other])
    ]

    assert len(agreeing) > 100


def test_silence_beside_another_protocols_plan_is_only_where_nothing_may_be_shown() -> None:
    """No card: unlikely, unknown without a signal, stable on treatment (decisions, section 7)."""
    for told in vignettes():
        given = answers(told.id)
        for own, other in PAIRS:
            if differences(given[own], given[other]) and not given[own]["cards"] and not told.facts.deceased:
                assert given[own]["status"] in ("unlikely", "unknown", "on-treatment"), (told.id, own)


def test_the_line_is_one_and_short_enough_to_read() -> None:
    for told in vignettes():
        for given in answers(told.id).values():
            for card in given["cards"]:
                lines = [line for line in card["detail"].splitlines() if line.startswith("- For this patient ")]
                assert len(lines) <= 1
                assert all(len(line) <= 240 for line in lines), lines
