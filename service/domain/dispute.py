"""Where guidelines differ: what each says, and for which patients it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.terms import Status


@dataclass(frozen=True, slots=True, eq=False)
class Matter:
    """One kind of patient for whom a conflict matters: the status is among these, and every test holds.

    A test is a key of mappings/conflicts.yaml and the values it is looking for.
    """

    statuses: frozenset[Status]
    tests: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Conflict:
    """A difference between guidelines: one line for each position, and the kinds of patients it matters for.

    A position belongs to a protocol, by its id, or to another voice, by its name.
    """

    id: str
    topic: str
    positions: Mapping[str, str]
    when: tuple[Matter, ...]
