"""A small share of `make fuzz` with every change: 500 inputs, and proof that the judge would notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from .changes import KINDS, changed, encoded, places
from .judge import judge
from .run import SHARES, run, told
from .seeds import PATIENT, STRANGER, calls, feedback
from .shots import WITHIN
from .world import Shot, World

INPUTS = 500
GOOD = calls()[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("fuzz")).listening() as listening:
        yield listening


def test_no_input_is_answered_by_a_fault_a_hang_silence_or_another_patient_s_cards(
    world: World, record_property: Any
) -> None:
    found = run(world, INPUTS)
    inputs, decided = (sum(getattr(tally, name) for tally in found.values()) for name in ("inputs", "decided"))
    record_property("count", told(found))

    assert inputs >= INPUTS
    assert decided >= 0.30 * inputs


def test_every_kind_of_input_is_tried_and_they_are_the_whole() -> None:
    assert sum(SHARES.values()) == 100


@pytest.mark.parametrize("target", WITHIN)
def test_a_failure_anywhere_within_is_told_as_a_failure(world: World, target: str) -> None:
    """Each place is reached by one of the good requests, or naming it would prove nothing."""
    paths = {seed.path: seed for seed in calls()}
    more = [Shot("broken within", seed.path, seed.body) for seed in feedback()]
    shots = [Shot("broken within", seed.path, seed.body) for seed in (*paths.values(), *calls()[:60])] + more
    for shot in shots:
        aimed = replace(shot, broken=target)
        answer = world.answer(aimed)
        judge(aimed, answer)
        if answer.reached:
            return
    pytest.fail(f"{target} is reached by no request")


def test_the_judge_notices_an_empty_answer_out_of_a_failure(world: World) -> None:
    shot = Shot("broken within", GOOD.path, GOOD.body, broken="service.consult.decide")
    empty = replace(world.answer(shot), status=200, body=b'{"cards":[]}')

    with pytest.raises(AssertionError, match="the answer is 200"):
        judge(shot, empty)
    with pytest.raises(AssertionError, match="no decision"):
        judge(shot, replace(empty, reached=False))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"log": "call=1 Zebedee Quillfeather"}, "the log holds"),
        ({"status": 500}, "500"),
        ({"status": 400}, "no OperationOutcome"),
    ],
)
def test_the_judge_notices_what_must_never_be(world: World, change: dict[str, Any], said: str) -> None:
    shot = Shot("structure", GOOD.path, GOOD.body)
    answer = world.answer(shot)

    assert judge(shot, answer)
    with pytest.raises(AssertionError, match=said):
        judge(shot, replace(answer, **change))


def test_the_judge_notices_cards_about_another_patient_and_cards_that_break_a_rule(world: World) -> None:
    seed = next(seed for seed in calls() if world.answer(Shot("x", seed.path, seed.body)).body.count(b'"summary"'))
    shot = Shot("structure", seed.path, seed.body)
    answer = world.answer(shot)

    for old, new in ((PATIENT, "pat-7732"), ('"indicator":"', '"indicator":"very-')):
        with pytest.raises(AssertionError):
            judge(shot, replace(answer, body=answer.body.replace(old.encode(), new.encode())))
    strange = seed.body.replace(f"Patient/{PATIENT}".encode(), f"Patient/{STRANGER}".encode(), 3)
    with pytest.raises(AssertionError, match="another patient"):
        judge(replace(shot, body=strange), answer)


def test_an_answer_that_never_comes_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.world.SECONDS", 0.2)
    monkeypatch.setattr("service.answer.cards_of", lambda *_: [0 for _ in iter(int, 1)])

    with pytest.raises(AssertionError, match="no answer within"):
        world.answer(Shot("structure", GOOD.path, GOOD.body))


def test_every_change_changes_a_request_somewhere() -> None:
    for kind in range(len(KINDS)):
        tries = [encoded(changed(GOOD.tree(), [(place * 37, kind, place)])) for place in range(60)]
        assert len({*tries, encoded(GOOD.tree())}) > 10 or KINDS[kind].__name__ == "_stranger"
    assert len([*places(GOOD.tree())]) > 50
