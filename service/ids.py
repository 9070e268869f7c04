"""Ids that are made from words: the same words give the same UUID (RFC 9562, versions 5 and 8)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5

from service.fhir.remembered import Remembered

_MOST, _LONGEST = 4096, 256


class Space:
    """The namespace of one kind of id."""

    def __init__(self, urn: str) -> None:
        """Name the kind."""
        self.namespace = uuid5(NAMESPACE_URL, urn)
        self.parts: Remembered[str, str] = Remembered(
            lambda words: _eighth(f"{urn}|{words}")[_HEAD:_TAIL], _MOST, lambda words: len(words) <= _LONGEST
        )
        """What is the words' own in the id of a part, by the words."""


#: Where, in a UUID as it is written, what is the words' own begins and ends: 38 bits; 84 are the seed's.
_HEAD, _TAIL = 19, 30


def named(space: Space, words: str) -> str:
    """Return the id of these words, of version 5."""
    return str(uuid5(space.namespace, words))


def part_of(seed: str, space: Space, words: str) -> str:
    """Return the id of a part of what a seed names: a UUID of version 8, of the hashes of both.

    An answer has dozens of parts, mostly named as those of others: nothing is hashed anew but its seed.
    """
    head, tail = _seeded(seed)
    return head + space.parts[words] + tail


@lru_cache(maxsize=8)
def _seeded(seed: str) -> tuple[str, str]:
    whole = _eighth(seed)
    return whole[:_HEAD], whole[_TAIL:]


def _eighth(words: str) -> str:
    # The standard library writes versions 1 to 5 in 3.11; the digit of the version is all that differs.
    found = str(UUID(bytes=sha256(words.encode()).digest()[:16], version=5))
    return f"{found[:14]}8{found[15:]}"
