"""One change of a JSON tree at one place: what is there goes, grows, becomes something else, or somebody else's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from .seeds import PATIENT, STRANGER

#: Values of every type, and of none that belongs anywhere.
JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    2**70,
    -(10**40),
    1e308,
    1e-320,
    0.1,
    "",
    " ",
    "\0",
    "\ud800",
    "Quillfeather",
    "\u202eZebedee <b onmouseover=alert(1)>",
    "[x](javascript:alert(1))|`\n# y",
    "{{context.patientId}}",
    "../../etc/passwd",
    "2026-13-45",
    "0000",
    "9999-12-31T23:59:60+14:00",
    "-2026",
    "Patient/pat-7731/_history/2",
    "Patient/" + "x" * 65,
    "#p1",
    "urn:uuid:not-one",
    "1,5",
    "1e400",
    "\u0661\u0662",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"reference": 5},
    {"resourceType": "Bundle", "entry": [None, {}, {"resource": None}, {"resource": {"resourceType": "X"}}]},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": "Quillfeather"}]},
)
DATES = (
    "2026-11-22",
    "2026-11-23",
    "2026",
    "2026-11",
    "1850-01-01",
    "2199-01-01",
    "2026-02-29",
    "2024-02-29T24:00:00Z",
)
CODES = ("final", "entered-in-error", "active", "cancelled", "unknown", "preliminary", "ng/L", "mg", "ug", "{tbl}", "%")
SYSTEMS = ("http://loinc.org", "http://snomed.info/sct", "http://www.whocc.no/atc", "http://unitsofmeasure.org", "x:y")
DEEP = (2, 40, 400, 1200, 5000)
MANY = (2, 9, 120)
#: A tree of more places does not grow any more.
LARGE = 10_000
#: Stands for so many lists or objects, one in the other: no tree in memory is that deep.
_DEEPER = re.compile(r'"@deep (\d+) (list|object)"')

Place = tuple[Any, Any]
Change = Callable[[Any, Any, int, list[Place]], None]


def places(tree: Any) -> Iterator[Place]:
    """Yield every place below a tree: what holds it, and its key there."""
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        for key in [*holder] if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def changed(tree: Any, changes: list[tuple[int, int, int]]) -> Any:
    """Return the tree after the changes, each a place, a kind and a choice by number."""
    for where, what, choice in changes:
        known = [*places(tree)]
        if not known:
            break
        holder, key = known[where % len(known)]
        KINDS[what % len(KINDS)](holder, key, choice, known)
    return tree


def encoded(tree: Any) -> bytes:
    """Return a tree as JSON, half surrogates and all, however deep."""
    return _DEEPER.sub(_deeper, json.dumps(tree)).encode()


def _deeper(found: re.Match[str]) -> str:
    opening, closing = ("[", "]") if found[2] == "list" else ('{"extension":[', "]}")
    return opening * int(found[1]) + "1" + closing * int(found[1])


def _drop(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    del holder[key]


def _junk(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    holder[key] = deepcopy(JUNK[choice % len(JUNK)])


def _near(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    """Put something there that might stand there: another date, number, code or truth."""
    value = holder[key]
    if isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float):
        holder[key] = (0, -value, value * 10, value * 1000, value / 1000, value + 0.5, 10**15)[choice % 7]
    elif isinstance(value, str) and value[:4].isdigit():
        holder[key] = DATES[choice % len(DATES)]
    elif isinstance(value, str) and "://" in value:
        holder[key] = SYSTEMS[choice % len(SYSTEMS)]
    elif isinstance(value, str):
        holder[key] = CODES[choice % len(CODES)]
    else:
        holder[key] = deepcopy(JUNK[choice % len(JUNK)])


def _many(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    if len(known) > LARGE:
        return
    if isinstance(holder, list):
        holder.extend(deepcopy(holder[key]) for _ in range(MANY[choice % len(MANY)]))
    else:
        holder[key] = [holder[key]] * MANY[choice % len(MANY)]


def _deep(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    holder[key] = f"@deep {DEEP[choice % len(DEEP)]} {('list', 'object')[choice % 2]}"


def _long(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    holder[key] = ("Quillfeather", "\u00e9", "[", "0")[choice % 4] * (10, 1000, 30_000)[choice % 3]


def _swap(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    """Put what stands elsewhere here too."""
    other, there = known[choice % len(known)]
    if len(known) > LARGE or (isinstance(other, list) and there >= len(other)):
        return
    holder[key] = deepcopy(other[there])


def _renamed(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    if isinstance(holder, dict):
        holder[("id", "resourceType", "code", "_" + str(key), "value", "Quillfeather")[choice % 6]] = holder.pop(key)


def _stranger(holder: Any, key: Any, choice: int, known: list[Place]) -> None:
    """Say that a resource, one of those that say whose they are, is somebody else's."""
    named = [(h, k) for h, k in known if isinstance(h, dict) and k == "reference" and h[k] == f"Patient/{PATIENT}"]
    if named:
        holder, key = named[choice % len(named)]
        holder[key] = f"Patient/{STRANGER}"


KINDS: tuple[Change, ...] = (_drop, _junk, _near, _near, _many, _deep, _long, _swap, _renamed, _stranger)
