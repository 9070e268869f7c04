"""What is pinned: the files that `make lock` writes, which extras each holds, and the lines that stand in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?:\s|\\|$)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Pin:
    """One package as a file pins it: to one version, to these files of it, and where it is wanted."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Lock:
    """One file of pins, and the parts of pyproject.toml that it must hold."""

    path: Path
    parts: tuple[str, ...]
    #: What those parts ask for, as pyproject.toml writes it.
    asked: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """The packages that are asked for by name."""
        return {normal(found[0]) for line in self.asked if (found := _NAME.match(line))}


def normal(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project(root: Path = ROOT) -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def locks(root: Path = ROOT) -> list[Lock]:
    """Return the files of pins, in the order in which they are written.

    Raises ValueError for a part that does not exist, or that no file holds.
    """
    read = project(root)
    parts: dict[str, list[str]] = {
        "service": read["project"]["dependencies"],
        "build-system": read["build-system"]["requires"],
        **read["project"]["optional-dependencies"],
    }
    listed: Mapping[str, list[str]] = read["tool"]["b12-cds"]["locks"]
    named = {part for held in listed.values() for part in held}
    if unknown := sorted(named - set(parts)):
        raise ValueError(f"pyproject.toml, tool.b12-cds.locks: there is no extra called {', '.join(unknown)}")
    if left_out := sorted(set(parts) - named):
        raise ValueError(f"pyproject.toml, tool.b12-cds.locks: no file holds {', '.join(left_out)}")
    return [
        Lock(root / path, tuple(held), _asked(read["project"]["name"], parts, held)) for path, held in listed.items()
    ]


def _asked(itself: str, parts: Mapping[str, list[str]], held: list[str]) -> tuple[str, ...]:
    """Return what these parts ask for, each line once; a part may stand for others (`b12-cds[pages]`)."""
    lines: dict[str, None] = {}
    for line in (line for part in held for line in parts[part]):
        own = re.fullmatch(re.escape(itself) + r"\[([\w,\s-]+)\]", line)
        meant = _asked(itself, parts, re.split(r"\s*,\s*", own[1].strip())) if own else (line,)
        lines |= dict.fromkeys(meant)
    return tuple(lines)


def pins(path: Path) -> dict[str, Pin]:
    """Return what a file pins, by name. Raises ValueError for a line that is not a pin with its hashes."""
    found: dict[str, Pin] = {}
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in joined.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin, hashes = _PIN.match(line), tuple(_HASH.findall(line))
        if pin is None or not hashes:
            raise ValueError(f"{path.name}: not a version with its hashes: {line[:80].strip()!r}; run `make lock`")
        marker = (pin["marker"] or "").partition("--hash")[0].strip()
        found[normal(pin["name"])] = Pin(normal(pin["name"]), pin["version"], marker, hashes)
    return found
