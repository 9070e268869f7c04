"""Run every mutant; print the counts of each module, who noticed, and what nobody noticed."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from multiprocessing import Process, Value
from pathlib import Path

from .explained import explained
from .mutants import Mutant, mutants
from .run import Runner, ready, tests_by_function

PROCESSES = 2
AT_LEAST = 0.95
#: The order in which modules are run: those that decide most come first.
ORDER = (
    *("assess", "evidence", "results", "attribute", "modifiers", "recommend", "situation", "therapy", "orders"),
    *("notices", "doubts", "workup", "response", "intervals", "offers", "conflicts", "dispute", "record", "decision"),
)
DOMAIN = Path("service/domain")
#: What the last run found, a line a mutant: `--resume` runs again only what nobody noticed and nobody explained.
RESULTS = Path("build/mutation.jsonl")


def main(words: list[str]) -> int:
    """Return 0 when enough mutants of every module were noticed and the others are explained."""
    resumed, words = "--resume" in words, [word for word in words if word != "--resume"]
    others = [file.stem for file in sorted(DOMAIN.glob("*.py")) if file.stem not in (*ORDER, "__init__")]
    chosen = [name for name in (*ORDER, *others) if not words or name in words]
    todo = [m for name in chosen for m in mutants(DOMAIN / f"{name}.py")]
    _say(f"{len(todo)} mutants of {len(chosen)} modules")
    started = time.monotonic()
    found = _run_all(todo, _before() if resumed else {})
    _say(f"run in {(time.monotonic() - started) / 60:.1f} minutes\n")
    return _report(chosen, todo, found)


def _before() -> dict[str, str | None]:
    """Return what the runs before found, by the text of the mutant."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return {text: who for text, who, _ in map(json.loads, lines)}


def _run_all(todo: list[Mutant], before: dict[str, str | None]) -> dict[int, str | None]:
    known = {n: before[digest] for n, mutant in enumerate(todo) if (digest := mutant.digest) in before}
    stands = explained()
    found = {n: who for n, who in known.items() if who is not None or todo[n].words() in stands}
    if not before:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("", encoding="utf-8")
    prepared, tests = ready(), tests_by_function()
    survived = [n for n in known if n not in found]
    _say(f"{len(found)} were noticed or explained; {len(survived)} were not, and are shown to the unit tests")
    found |= _round(todo, survived, Runner(prepared, tests))
    waiting = [n for n in range(len(todo)) if n not in known] + [n for n in survived if found[n] is None]
    _say(f"{len(waiting)} to run")
    found |= _round(todo, waiting, Runner(prepared))
    left = [n for n in waiting if found.get(n) is None and n not in survived]
    _say(f"{len(left)} left for the unit tests")
    return found | _round(todo, left, Runner(prepared, tests))


def _round(todo: list[Mutant], waiting: list[int], runner: Runner) -> dict[int, str | None]:
    skip = len(RESULTS.read_text(encoding="utf-8").splitlines())
    next_one = Value("i", 0)

    def work() -> None:
        while True:
            with next_one.get_lock():
                mine = next_one.value
                next_one.value += 1
            if mine >= len(waiting):
                return
            mutant = todo[waiting[mine]]
            row = json.dumps([mutant.digest, runner.run(mutant), waiting[mine]])
            with RESULTS.open("a", encoding="utf-8") as out:
                out.write(row + "\n")
            if mine % 250 == 0:
                _say(f"  {mine} of {len(waiting)}: {mutant.file.stem}")

    workers = [Process(target=work, daemon=True) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rows = RESULTS.read_text(encoding="utf-8").splitlines()[skip:]
    return {nth: who for _, who, nth in map(json.loads, rows)}


def _report(chosen: list[str], todo: list[Mutant], found: dict[int, str | None]) -> int:
    known = explained()
    rows: dict[str, Counter[str]] = {name: Counter() for name in chosen}
    left, used = [], set()
    for nth, mutant in enumerate(todo):
        who = found.get(nth, "not run")
        if who is None:
            words = mutant.words()
            used.add(words)
            who = "explained" if words in known else "survived"
            if who == "survived":
                left.append(words)
        rows[mutant.file.stem][who.split()[0]] += 1
    _table(rows)
    for words in left:
        _say(f"noticed by nobody: {words}")
    for words in sorted(set(known) - used):
        if words.split(" · ")[0] in chosen:
            _say(f"explained, but noticed or gone: {words}")
    rates = [_rate(row) for row in rows.values()]
    return 0 if min(rates, default=1.0) >= AT_LEAST and not left else 1


def _table(rows: dict[str, Counter[str]]) -> None:
    total: Counter[str] = Counter()
    for row in rows.values():
        total += row
    _say(f"{'module':12} {'mutants':>7} {'noticed':>7} {'timeout':>7} {'explained':>9} {'survived':>8} {'rate':>7}")
    for name, row in [*rows.items(), ("all", total)]:
        _say(
            f"{name:12} {_count(row):7} {_noticed(row):7} {row['timeout']:7} {row['explained']:9} "
            f"{row['survived']:8} {_rate(row):7.1%}"
        )
    _say("noticed by: " + ", ".join(f"{who} {n}" for who, n in sorted(total.items())))


def _count(row: Counter[str]) -> int:
    return sum(n for who, n in row.items() if who != "same")


def _noticed(row: Counter[str]) -> int:
    return _count(row) - row["explained"] - row["survived"] - row["not"]


def _rate(row: Counter[str]) -> float:
    """The share of noticed ones, those that are explained not counted as noticed."""
    return _noticed(row) / _count(row) if _count(row) else 1.0


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
