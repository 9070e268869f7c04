"""A number of inputs of every kind, one after another, and what came of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, note, seed, settings

from .judge import judge
from .shots import Strategy, broken, damaged, documented, one_resource, served, structure, told_back
from .world import Shot, World

#: Of a hundred inputs.
SHARES = {
    "structure": 39,
    "one resource": 25,
    "served": 12,
    "documented": 4,
    "damaged": 10,
    "feedback": 5,
    "broken within": 5,
}
CHUNK = 500


@dataclass(slots=True)
class Tally:
    """What came of the inputs of one kind."""

    inputs: int = 0
    decided: int = 0
    reached: int = 0
    slowest: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)


class OutOfTime(Exception):
    """The time for the run is over; holds what was done until then."""


def run(
    world: World,
    inputs: int,
    *,
    first_seed: int = 0,
    seconds: float = float("inf"),
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Tally]:
    """Return the tally of each kind of input; `progress` is told of every few hundred.

    Raises AssertionError for an answer that must never be given, and OutOfTime.
    """
    end = time.monotonic() + seconds
    found = {kind: Tally() for kind in SHARES}
    kinds: dict[str, Strategy] = {
        "structure": structure(),
        "one resource": one_resource(),
        "served": served(),
        "documented": documented(world.openapi()),
        "damaged": damaged(),
        "feedback": told_back(),
        "broken within": broken(),
    }
    for kind, strategy in kinds.items():
        wanted, tally, number = max(1, inputs * SHARES[kind] // 100), found[kind], first_seed
        while tally.inputs < wanted:
            if time.monotonic() > end:
                raise OutOfTime(f"{sum(each.inputs for each in found.values())} of {inputs} inputs")
            _fire(world, strategy, min(CHUNK, wanted - tally.inputs), number, tally)
            number += 1
            progress(f"{kind}: {tally.inputs} of {wanted}, {tally.decided} decided, {dict(tally.statuses)}")
    return found


def _fire(world: World, strategy: Strategy, examples: int, number: int, tally: Tally) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def fired(shot: Shot) -> None:
        answer = world.answer(shot)
        tally.inputs += 1
        tally.statuses[answer.status] += 1
        tally.slowest = max(tally.slowest, answer.seconds)
        tally.reached += answer.reached
        try:
            tally.decided += judge(shot, answer)
        except AssertionError:
            note(f"{shot.method} {shot.path} {dict(shot.headers)} under {shot.protocol}, broken: {shot.broken}")
            note(
                f"body: {shot.body[:2000]!r}\nserved: {[*shot.served]}\nanswer: {answer.status} {answer.body[:1000]!r}"
            )
            raise

    fired()


def told(found: dict[str, Tally]) -> str:
    """Return the tallies as a table."""
    lines = [f"{'kind':<14} {'inputs':>7} {'decided':>8} {'slowest ms':>11}  statuses"]
    for kind, tally in found.items():
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
        lines.append(f"{kind:<14} {tally.inputs:>7} {tally.decided:>8} {tally.slowest * 1000:>11.0f}  {statuses}")
    inputs, decided, reached = (
        sum(getattr(t, name) for t in found.values()) for name in ("inputs", "decided", "reached")
    )
    lines.append(
        f"{inputs} inputs, {decided} decisions ({decided / inputs:.0%}), {reached} failures inside told as 500"
    )
    return "\n".join(lines)
