"""Writes docs/conformance.md: every requirement, the tests that carry its id, and whether the command checks it.

python -m tests.conformance.table
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from cds_hooks.conformance.rules import AS_RULE, RULES, SECTIONS, Rule

from .stub import FLAWS, NEEDS_LISTENING
from .test_ours import NOT_SHOWN

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
#: The tests of the check itself are not among them: what they break is told in a column of its own.
FOLDERS = ("tests/cds_hooks", "tests/conformance/test_ours.py", "tests/e2e")

_IN_NAME = re.compile(r"^test((?:_[a-j]\d+)+)(?:_to_([a-j]\d+))?(?=_)")
_IN_CASE = re.compile(r"(?<![A-Za-z0-9])(cds-resp-\d|[A-J]\d{1,2})(?![A-Za-z0-9])")
_NODE = re.compile(r"(tests/\S+\.py)::(\w+)(?:\[(.*)\])?")
_KEYS = frozenset({"J3", "J5", "J6", "J7", "J8", "J9", "J10", "J11", "J12", "J15"})

HEAD = """# Conformance: every requirement and its tests

CDS Hooks 2.0.1, by the ids of the project's checklist. Written by `python -m tests.conformance.table` from the ids that
tests carry, and kept true by a test.

- **our tests**: tests of this service that carry the id, in their name or as a case of it.
- **broken services**: small services in `tests/conformance/stub.py`, each with the one flaw; the check finds it under
  just this id. The same check finds nothing in a sound service, nor in ours (`tests/conformance/test_ours.py`).
- **`b12-cds conformance`**: whether the command tries the requirement on any service, and what it needs for that.
"""
COMMAND = """
## The command

    b12-cds conformance https://cds.example/cds-services                    # a synthetic patient, no JWT
    b12-cds conformance URL --keys ours.json                                # JWTs: give the service ours.public.json
    b12-cds conformance URL --listen 8571                                   # with a FHIR server of its own to call
    b12-cds conformance URL --fhir-server https://fhir.example --patient 1  # a test patient of a test server
    b12-cds conformance URL --request request.json                          # a request of your own
    b12-cds conformance URL --quiet --junit report.xml                      # in a build

It makes at most 120 calls in at most two minutes, follows no redirect, and sends nobody's data unless told to. A breach
of a SHALL fails (exit code 1), of anything else warns; what could not be tried is said with its reason, and never
counts as passed. Exit code 2: nothing could be checked. Feedback is sent unless `--no-feedback` is given; it speaks of
a card that was just received, and the service may keep it.

With `--keys FILE` it signs JWTs in ES384 and RS384 as `https://cds-conformance.invalid` (`--issuer`), and also sends
what must be refused: unsigned, signed by another key, HMAC with the public key, over, for another endpoint, twice.
"""


def collected() -> tuple[str, ...]:
    """The ids of all tests of the folders, as pytest gives them."""
    plain = ["-o", "addopts=", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *plain, *FOLDERS]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(ended.stdout + ended.stderr)
    nodes = tuple(line for line in ended.stdout.splitlines() if _NODE.match(line))
    assert nodes, ended.stdout
    return nodes


def by_rule(nodes: Iterable[str]) -> Mapping[str, list[str]]:
    """The tests that carry each rule's id, as `file: test`."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for node in nodes:
        match = _NODE.match(node)
        if match is None:
            continue
        file, name = match[1].removeprefix("tests/"), match[2]
        if file == "conformance/test_ours.py" and match[3] in NOT_SHOWN:
            continue
        for rule in (*_named(name), *(AS_RULE.get(case, case) for case in _IN_CASE.findall(match[3] or ""))):
            found[rule][f"{file}: {name}"] = None
    return {rule: list(tests) for rule, tests in found.items()}


def _named(name: str) -> tuple[str, ...]:
    match = _IN_NAME.match(name)
    if match is None:
        return ()
    ids = match[1].upper().strip("_").split("_")
    if match[2]:
        first, last = int(ids[-1][1:]), int(match[2][1:])
        ids += [f"{ids[-1][0]}{number}" for number in range(first + 1, last + 1)]
    return tuple(ids)


def page(nodes: Iterable[str]) -> str:
    """The page as it should stand."""
    tests = by_rule(nodes)
    shall = [rule for rule in RULES.values() if rule.level.fails]
    rest = [rule for rule in RULES.values() if not rule.level.fails]
    untested = [rule.id for rule in shall if not tests.get(rule.id)]
    lines = [HEAD, "## What a service shall", "", *_table(shall, tests), "", _untested(untested), ""]
    lines += ["## What it should, and good advice", "", *_table(rest, tests)]
    return "\n".join(lines) + "\n" + COMMAND


def _untested(rules: list[str]) -> str:
    if not rules:
        return "Every one of them has a test of our own."
    return f"Without a test of our own: {'; '.join(f'{rule} ({NOT_SHOWN[rule]})' for rule in rules)}."


def _table(rules: list[Rule], tests: Mapping[str, list[str]]) -> list[str]:
    lines = [
        "| id | level | requirement | our tests | broken services | `b12-cds conformance` |",
        "|---|---|---|---|---|---|",
    ]
    for rule in rules:
        ours = "<br>".join(f"`{test}`" for test in tests.get(rule.id, ())) or NOT_SHOWN.get(rule.id, "none")
        flaws = ", ".join(flaw for flaw in FLAWS if flaw.partition("-")[0] == rule.id) or rule.id
        text = rule.text.replace("|", "\\|")
        lines.append(f"| {rule.id} | {rule.level} | {text} | {ours} | {flaws} | {_tried(rule.id)} |")
    return lines


def _tried(rule: str) -> str:
    needs = [*(["`--keys`"] if rule in _KEYS else []), *(["`--listen`"] if rule in NEEDS_LISTENING - {"J11"} else [])]
    return f"with {' and '.join(needs)}" if needs else "yes"


if __name__ == "__main__":
    assert set(SECTIONS) == {rule.section for rule in RULES.values()}
    PAGE.write_text(page(collected()), encoding="utf-8")
