"""What recurs is worked out once, and then known by what it was worked out from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Found = TypeVar("_Found")


class Remembered(dict[_Key, _Found]):
    """What was worked out so far; `it[key]` works out what is not known yet, and raises what that raises.

    Finding what is known is one look into a dict, and touches nothing else. At most so many are kept: then it
    begins anew, so that no chart can fill the memory. What does not `fit`, for its length, is worked out each time.
    """

    __slots__ = ("_fits", "_most", "_work_out")

    def __init__(self, work_out: Callable[[_Key], _Found], most: int, fits: Callable[[_Key], bool]) -> None:
        """Begin knowing nothing."""
        super().__init__()
        self._work_out, self._most, self._fits = work_out, most, fits

    def __missing__(self, key: _Key) -> _Found:
        """Return what is worked out, and remember it."""
        found = self._work_out(key)
        if self._fits(key):
            if len(self) >= self._most:
                self.clear()
            self[key] = found
        return found
