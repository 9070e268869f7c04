"""Runs each mutant in a process of its own, forked from one that has imported and read everything."""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from service.consult import Consultant
from tests.golden.answers import kept

from . import catch, swap
from .mutants import Mutant

#: Seconds of processor time after which a mutant counts as noticed: it does not come to an end.
LIMIT = 90
#: Seconds after which a process that uses no processor time is given up; long, as others may use the machine.
WAIT = 3600
#: Tests that look at the domain from near.
TESTS = (
    "tests/domain",
    "tests/golden/test_plans.py",
    "tests/golden/test_therapies.py",
    "tests/golden/test_orders.py",
    "tests/explanation/test_drafts.py",
    "tests/medicine/test_said_truly.py",
    "tests/medicine/test_sharp.py",
    "tests/medicine/test_sharp_causes.py",
    "tests/medicine/test_intervals.py",
    "tests/medicine/test_offers.py",
    "tests/medicine/test_response.py",
    "tests/medicine/test_on_record.py",
    "tests/medicine/test_workup.py",
    "tests/medicine/test_conflicts.py",
    "tests/orders/test_review.py",
    "tests/orders/test_correcting.py",
    "tests/orders/test_reading.py",
    "tests/orders/test_hooks.py",
    "tests/knowledge/test_quieting.py",
)
#: So many tests are asked about a mutant that may show in any of them.
_QUICKEST = 400
#: As long as that the tests of one function may take together, watched.
_SECONDS = 12.0
_ALONE = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly")


@dataclass(frozen=True, slots=True)
class Ready:
    """All that a mutant's process needs, made once."""

    using: Consultant
    asked: Sequence[catch.Asked]
    held: dict[CodeType, list[FunctionType]]
    at_load: frozenset[catch.Key]
    by_function: dict[catch.Key, list[int]]
    why_by_function: dict[catch.Key, list[int]]


def ready() -> Ready:
    """Import and read everything; see which questions run which functions."""
    for each in Path("service/domain").glob("*.py"):
        import_module(f"{swap.DOMAIN}.{each.stem}")
    using, asked, held = catch.loaded(), catch.asked(), swap.functions()
    assert len(kept()) == len(asked), "python -m tests.golden"
    swap.forget("service")
    gc.collect()
    gc.freeze()

    def watch() -> object:
        rows: list[list[list[catch.Key]]] = [[sorted(catch.ran(catch.loaded))]]
        for each in asked:
            swap.forget("service")
            first = sorted(catch.ran(lambda each=each: each.noticed(using)))  # type: ignore[misc]
            swap.forget("service")
            explained = each.reasoned and catch.ran(lambda each=each: each.explained_otherwise(using))  # type: ignore[misc]
            rows.append([first, sorted(explained or ())])
        return rows

    rows = in_child(watch, 600)
    assert isinstance(rows, list), rows
    by: dict[catch.Key, list[int]] = {}
    why: dict[catch.Key, list[int]] = {}
    for nth, (first, second) in enumerate(rows[1:]):
        for one in first:
            by.setdefault((one[0], one[1], one[2]), []).append(nth)
        for one in second:
            why.setdefault((one[0], one[1], one[2]), []).append(nth)
    return Ready(using, asked, held, frozenset((a, b, c) for a, b, c in rows[0][0]), by, why)


def in_child(work: Callable[[], object], limit: int = LIMIT) -> object:
    """Return what the work returns in a process of its own; `timeout` or `crash` when it returns nothing."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(here)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        try:
            found = json.dumps(work()).encode()
        except BaseException as error:
            found = json.dumps(f"error {type(error).__name__}").encode()
        with os.fdopen(there, "wb") as out:
            out.write(found)
        os._exit(0)
    os.close(there)
    parts, until = [], time.monotonic() + WAIT
    while select.select([here], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(here, 1 << 16)
        if not part:
            break
        parts.append(part)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(here)
    _, status = os.waitpid(pid, 0)
    if parts and os.WIFEXITED(status):
        return json.loads(b"".join(parts))
    return "timeout" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU else "crash"


#: What tests take in seconds, and the functions that they run, the quickest first.
Tests = dict[str, tuple[float, frozenset[catch.Key]]]


class Runner:
    """Runs mutants one after the other, by questions or by unit tests; who noticed one of a function is asked first."""

    def __init__(self, ready: Ready, tests: Tests | None = None) -> None:
        self.ready = ready
        self.tests = tests or {}
        self._first: dict[catch.Key, list[int]] = {}
        self._noticing: dict[catch.Key, dict[str, None]] = {}
        self._code: dict[Path, CodeType] = {}

    def run(self, mutant: Mutant) -> str | None:
        """Return who noticed; None when nobody did; `same` when Python's code is the same."""
        file = str(mutant.file.resolve())
        if mutant.file not in self._code:
            self._code[mutant.file] = swap.compiled(mutant.original, file)
        try:
            new = swap.compiled(mutant.source, file)
        except SyntaxError:
            return "error SyntaxError"
        pairs = swap.differing(self._code[mutant.file], new)
        if pairs == []:
            return "same"
        if pairs is None or any(old not in self.ready.held for old, _ in pairs):
            found = in_child(lambda: self._anew(mutant, new))
        else:
            found = self._exchanged(mutant, pairs)
        return None if found is None else str(found)

    def _exchanged(self, mutant: Mutant, pairs: list[tuple[CodeType, CodeType]]) -> object:
        ready = self.ready
        keys = {catch.key(old) for old, _ in pairs}
        first = [nth for key in keys for nth in self._first.get(key, ())]
        chosen = list(dict.fromkeys([*first, *(nth for key in keys for nth in ready.by_function.get(key, ()))]))
        why = sorted({nth for key in keys for nth in ready.why_by_function.get(key, ())})

        def work() -> object:
            swap.forget("service")
            if not swap.exchange(pairs, ready.held):
                return "error free variables"
            using = catch.loaded() if keys & ready.at_load else ready.using
            every = range(len(ready.asked)) if keys & ready.at_load else chosen
            if self.tests and keys & ready.at_load:
                # What a test made when it was imported was made by the unchanged code.
                swap.drop("tests")
                return self._by_tests_of(mutant.file)
            if self.tests:
                return self._by_tests(keys)
            return catch.notice(using, [ready.asked[n] for n in every], [ready.asked[n] for n in why])

        found = in_child(work)
        if isinstance(found, str) and found.startswith("test "):
            for key in keys:
                self._noticing.setdefault(key, {})[found.removeprefix("test ")] = None
        if isinstance(found, str) and found.split()[0] in ("expected", "kept", "error"):
            name = found.partition(" ")[2].partition(":")[0]
            place = next((n for n, each in enumerate(ready.asked) if each.question.name == name), None)
            if place is not None:
                for key in keys:
                    self._first[key] = [place, *self._first.get(key, [])[:3]]
        return found

    def _anew(self, mutant: Mutant, new: CodeType) -> object:
        swap.import_anew(f"{swap.DOMAIN}.{mutant.file.stem}", new)
        if self.tests:
            return self._by_tests_of(mutant.file)
        from tests.mutation import catch as anew

        using, asked = anew.loaded(), anew.asked()
        return anew.notice(using, asked, asked)

    def _by_tests(self, keys: set[catch.Key]) -> str | None:
        """Return the first test that fails, of those that run one of these functions.

        Those that noticed another change in it come first, then the quickest, as many as take so many seconds.
        """
        chosen = [t for key in keys for t in self._noticing.get(key, ()) if t in self.tests]
        left = _SECONDS
        for test, (seconds, ran) in self.tests.items():
            if keys & ran:
                left -= seconds
                chosen.append(test)
            if left < 0:
                break
        return _failing(list(dict.fromkeys(chosen))) if chosen else None

    def _by_tests_of(self, file: Path) -> str | None:
        """Return the first test that fails, of the quickest that run anything of a module, and of all of the domain."""
        quickest = [t for t, (_, ran) in self.tests.items() if any(key[0] == file.name for key in ran)][:_QUICKEST]
        near = [t for t in self.tests if t.startswith("tests/domain/") and t not in quickest]
        return _failing([*near, *quickest])


def tests_by_function() -> Tests:
    """Return the functions of the domain that each test runs, the quickest first; from then on all are imported."""

    def watch() -> object:
        seen: list[list[object]] = []

        class Plugin:
            @pytest.hookimpl(wrapper=True)
            def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Iterator[None]:
                swap.forget("service")
                begun = time.process_time()
                with catch.watching() as ran:
                    done = yield
                seen.append([pyfuncitem.nodeid, time.process_time() - begun, sorted(map(catch.key, ran))])
                return done

        code = _quietly([], Plugin())
        assert code == 0, "the tests fail before any mutant"
        return seen

    rows = in_child(watch, 1200)
    assert isinstance(rows, list), rows
    quickest = sorted(rows, key=lambda row: row[1])
    with redirect_stdout(io.StringIO()):
        pytest.main([*_ALONE, "--collect-only", *TESTS])
    gc.freeze()
    return {name: (seconds, frozenset((a, b, c) for a, b, c in ran)) for name, seconds, ran in quickest}


def _failing(chosen: list[str]) -> str | None:
    swap.forget(*swap.OURS)
    failed: list[str] = []

    class Plugin:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.append(report.nodeid)

    code = _quietly(chosen, Plugin())
    return None if code == 0 else f"test {failed[0] if failed else 'collection'}"


def _quietly(chosen: list[str], plugin: object) -> int:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return int(pytest.main([*_ALONE, *(chosen or [t for t in TESTS if Path(t).exists()])], plugins=[plugin]))
