"""Switching off while the service runs: a small file (B12_CONTROL) that is read again when it changes.

A change that is wrong is told in the log and changes nothing: what was off stays off.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from service.knowledge.files import read_as
from service.knowledge.nearest import unknown
from service.knowledge.schema.base import Strict
from service.knowledge.strict_yaml import KnowledgeError

log = logging.getLogger("cds_hooks")

_ONE = {"services-off": "service", "rules-off": "rule", "silent": "client"}
LOOK_SECONDS = 1.0
"""How often the file is looked at."""


class ControlFile(Strict):
    """What is switched off now."""

    services_off: tuple[str, ...] = ()
    rules_off: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(slots=True)
class Switches:
    """What is switched off at this moment; nothing before `start`."""

    file: Path
    _known: dict[str, Collection[str]] = field(default_factory=dict)
    _now: ControlFile = field(default_factory=ControlFile)
    _seen: tuple[int, int] | None = None
    _next: float = 0.0

    def start(self, *, services: Collection[str], rules: Collection[str], clients: Collection[str]) -> None:
        """Read the file, knowing what there is to switch off; raises KnowledgeError."""
        self._known = {"services-off": services, "rules-off": rules, "silent": clients}
        self._seen, self._now = _stamp(self.file), self._read()

    def now(self) -> ControlFile:
        """Return what is switched off at this moment."""
        if self._known and (now := monotonic()) >= self._next:
            self._next = now + LOOK_SECONDS
            stamp = _stamp(self.file)
            if stamp != self._seen:
                self._seen = stamp
                self._change()
        return self._now

    def is_silent(self, client: str) -> bool:
        """Whether a client is answered without cards."""
        return client in self.now().silent

    def _change(self) -> None:
        try:
            self._now = self._read()
        except KnowledgeError as error:
            log.error("control file unchanged: %s", error)
            return
        said = self._now.model_dump(by_alias=True).items()
        log.warning("control file read: %s", "; ".join(f"{key} {','.join(names) or '-'}" for key, names in said))

    def _read(self) -> ControlFile:
        read = read_as(self.file, ControlFile)
        for key, known in self._known.items():
            for place, name in enumerate(getattr(read.content, key.replace("-", "_"))):
                if name not in known:
                    raise read.error((key, place), unknown(_ONE[key], name, sorted(known)))
        return read.content


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
