"""Calls counted in windows of time, for `limits`: its own storage starts a thread to forget those that are over."""

from threading import Lock
from time import time

from limits.storage import Storage


class Windows(Storage):
    """Counts by key until the key's window ends; a key is one client's, and there are as many as clients."""

    base_exceptions = ()

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._ends: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a new window of so many seconds where the last one is over; return the count of the window."""
        with self._lock:
            now = time()
            if self._ends.get(key, 0.0) <= now:
                self._ends[key], self._counts[key] = now + expiry, 0
            self._counts[key] += amount
            return self._counts[key]

    def get(self, key: str) -> int:
        """Return the count of the window that is open."""
        return self._counts[key] if self._ends.get(key, 0.0) > time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the key's window ends, in seconds since 1970; now where none is open."""
        return max(self._ends.get(key, 0.0), time())

    def check(self) -> bool:
        """Return that counting is possible."""
        return True

    def reset(self) -> int:
        """Forget every count; return how many there were."""
        with self._lock:
            known = len(self._counts)
            self._ends.clear()
            self._counts.clear()
            return known

    def clear(self, key: str) -> None:
        """Forget the count of one key."""
        with self._lock:
            self._ends.pop(key, None)
            self._counts.pop(key, None)
