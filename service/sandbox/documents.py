"""Files of FHIR JSON as resources, each with the line it stands on: Bundles of any type, single resources, NDJSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
LINES = frozenset({".ndjson", ".jsonl"})
KINDS = frozenset({".json", *LINES})
_DECODER = json.JSONDecoder()
_WHITE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A resource, where it stands, and the address under which its Bundle speaks of it."""

    resource: Json
    file: Path
    line: int
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be loaded, and why."""

    file: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


class _Broken(Exception):
    """From this place on a document is no JSON, or no FHIR."""

    def __init__(self, place: int, why: str) -> None:
        super().__init__(why)
        self.place, self.why = place, why


def read(file: Path) -> Iterator[Found | Fault]:
    """Yield the resources of a file and what is wrong in it; a line of NDJSON that is wrong takes no other with it."""
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Fault(file, raw.count(b"\n", 0, error.start) + 1, f"not UTF-8 (byte {raw[error.start]:#04x})")
        return
    if file.suffix.lower() in LINES:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield from _document(file, line.strip(), number)
    else:
        yield from _document(file, text, 1)


def _document(file: Path, text: str, first: int) -> Iterator[Found | Fault]:
    """One JSON document that begins on a line of the file."""
    try:
        for place, value, address in _resources(text):
            line = first + text.count("\n", 0, place)
            if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
                yield Fault(file, line, "no FHIR resource stands here: there is no resourceType")
            else:
                yield Found(value, file, line, address)
    except _Broken as broken:
        yield Fault(file, first + text.count("\n", 0, broken.place), broken.why)


def _resources(text: str) -> Iterator[tuple[int, Any, str | None]]:
    """Each resource with its place; a Bundle's entries one by one."""
    start = _skip(text, 0)
    if start == len(text):
        raise _Broken(start, "the file is empty")
    document, end = _value(text, start)
    if (rest := _skip(text, end)) != len(text):
        raise _Broken(rest, "more follows after the end of the JSON document")
    if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
        yield start, document, None
        return
    entries = document.get("entry") or []
    if not isinstance(entries, list):
        raise _Broken(start, "Bundle.entry is no array")
    for place, entry in zip(_places(text, start), entries, strict=True):
        inner = entry.get("resource") if isinstance(entry, dict) else None
        address = entry.get("fullUrl") if isinstance(entry, dict) else None
        yield place, inner, address if isinstance(address, str) else None


def _places(text: str, start: int) -> Iterator[int]:
    """Where each element of the array `entry` begins, in an object that is known to be whole."""
    place = _skip(text, start + 1)
    while text[place] != "}":
        key, place = _value(text, place)
        place = _skip(text, _skip(text, place) + 1)
        if key == "entry" and text[place] == "[":
            place = _skip(text, place + 1)
            while text[place] != "]":
                yield place
                place = _skip(text, _value(text, place)[1])
                place = _skip(text, place + 1) if text[place] == "," else place
            return
        place = _skip(text, _value(text, place)[1])
        place = _skip(text, place + 1) if text[place] == "," else place


def _value(text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise _Broken(error.pos, f"not JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise _Broken(place, "nested too deeply") from error


def _skip(text: str, place: int) -> int:
    found = _WHITE.match(text, place)
    return found.end() if found else place
