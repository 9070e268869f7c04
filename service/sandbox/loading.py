"""Anybody's charts into the sandbox: a folder of FHIR files, nothing of it lost without its name and line."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from service.sandbox.documents import KINDS, Fault, Found, read
from service.sandbox.wire import Json, outcome_text

TOGETHER = 200  # resources in one transaction
_IDS = uuid.UUID("2c8a9a0e-6a55-5b0e-9d60-1d0e2b1f7c11")


class NothingToLoad(ValueError):
    """The folder holds no resource."""


@dataclass(slots=True)
class Loaded:
    """What is on the server, by type; what is not, and why; and files of other kinds that were passed by."""

    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    passed_by: list[Path] = field(default_factory=list)
    twice: int = 0

    @property
    def total(self) -> int:
        """How many resources are on the server."""
        return self.kinds.total()


def load(base: str, folder: Path) -> Loaded:
    """Write every resource of a folder's files to a FHIR server; raises NothingToLoad when there is none."""
    told = Loaded()
    found = _told_apart(_files(folder, told), told)
    if not found:
        why = f": {told.faults[0]}" if told.faults else f"; files end in {', '.join(sorted(KINDS))}"
        raise NothingToLoad(f"{folder} holds no FHIR resource that can be loaded{why}")
    _point(found)
    with requests.Session() as session:
        session.headers["Prefer"] = "return=minimal"
        for start in range(0, len(found), TOGETHER):
            _write(session, base, found[start : start + TOGETHER], told)
    return told


def _files(folder: Path, told: Loaded) -> Iterator[Found]:
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    for file in files:
        if file.suffix.lower() not in KINDS:
            told.passed_by.append(file)
            continue
        for each in read(file):
            if isinstance(each, Fault):
                told.faults.append(each)
            else:
                yield each


def _told_apart(found: Iterable[Found], told: Loaded) -> list[Found]:
    """Each resource once, all with an id; two that differ under one id cannot both be kept."""
    first: dict[str, Found] = {}
    for each in found:
        each.resource.setdefault("id", _made_id(each))
        name = _name(each)
        before = first.setdefault(name, each)
        if before is each:
            continue
        if before.resource == each.resource:
            told.twice += 1
        else:
            why = f"{name} is another one than at {before.file}:{before.line}, which is kept"
            told.faults.append(Fault(each.file, each.line, why))
    return list(first.values())


def _made_id(found: Found) -> str:
    if found.address and found.address.startswith("urn:uuid:"):
        return found.address.removeprefix("urn:uuid:")
    return str(uuid.uuid5(_IDS, f"{found.file.name}:{found.line}:{json.dumps(found.resource, sort_keys=True)}"))


def _point(found: Sequence[Found]) -> None:
    """Let references follow what they mean: an entry's address, or the one resource with an identifier."""
    addresses = {(each.file, each.address): _name(each) for each in found if each.address}
    identified: dict[tuple[str, str], set[str]] = {}
    for each in found:
        for system, value in _identifiers(each.resource):
            identified.setdefault((each.resource["resourceType"], f"{system}|{value}"), set()).add(_name(each))

    for each in found:

        def place(reference: str, each: Found = each) -> str:
            if (known := addresses.get((each.file, reference))) is not None:
                return known
            kind, asked, wanted = reference.partition("?identifier=")
            (only, *more) = sorted(identified.get((kind, wanted), ())) or [reference]
            return reference if more or not asked else only

        _follow(each.resource, place)


def _follow(value: Any, place: Callable[[str], str]) -> None:
    if isinstance(value, list):
        for item in value:
            _follow(item, place)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            value["reference"] = place(value["reference"])
        for item in value.values():
            _follow(item, place)


def _identifiers(resource: Json) -> Iterator[tuple[str, str]]:
    stated = resource.get("identifier")
    for each in stated if isinstance(stated, list) else [stated]:
        if isinstance(each, dict) and each.get("value"):
            yield str(each.get("system") or ""), str(each["value"])


def _write(session: requests.Session, base: str, found: Sequence[Found], told: Loaded) -> None:
    """All together; where the server refuses, one by one, so that each bad one is named and no good one lost."""
    entries = [{"resource": each.resource, "request": {"method": "PUT", "url": _name(each)}} for each in found]
    answer = session.post(base, json={"resourceType": "Bundle", "type": "transaction", "entry": entries}, timeout=120)
    if answer.ok:
        told.kinds.update(each.resource["resourceType"] for each in found)
        return
    for each in found:
        answer = session.put(f"{base}/{_name(each)}", json=each.resource, timeout=30)
        if answer.ok:
            told.kinds[each.resource["resourceType"]] += 1
        else:
            why = f"{_name(each)} is refused: {outcome_text(answer)}"
            told.faults.append(Fault(each.file, each.line, why))


def _name(found: Found) -> str:
    return f"{found.resource['resourceType']}/{found.resource['id']}"
