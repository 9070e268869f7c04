"""One use of a token: which token ids were seen, and until when they must be remembered (J12)."""

from threading import Lock
from time import time
from typing import Protocol

SECONDS = 1.0
"""How long a guard may take before the call is refused."""


class GuardUnavailable(Exception):
    """Whether a token was used before cannot be known now; the call must not be answered."""


class ReplayGuard(Protocol):
    """Remembers the ids of the tokens that were used; shared among threads, workers and machines as it can."""

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Return whether this is the first use of a token id, and remember it, both in one step.

        `until` is when the token can no longer be accepted (seconds since 1970): the id may be forgotten then.
        Raises `GuardUnavailable` when that cannot be known.
        """


class MemoryReplayGuard:
    """Remembers in this process alone: enough for one worker, and for none beside it.

    Ids stand in two generations, so that forgetting costs nothing: a generation is dropped whole once its last id
    may be forgotten.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._young: set[tuple[str, str]] = set()
        self._old: set[tuple[str, str]] = set()
        self._young_until = self._old_until = 0.0

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Return whether this is the first use of a token id in this process."""
        key = (issuer, jti)
        with self._lock:
            if self._old_until <= time():
                self._old, self._old_until = self._young, self._young_until
                self._young, self._young_until = set(), 0.0
            if key in self._young or key in self._old:
                return False
            self._young.add(key)
            self._young_until = max(self._young_until, until)
            return True
