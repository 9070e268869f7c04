"""Who may open the report: whoever has the access token, exchanged once for a session of a few hours."""

from __future__ import annotations

import hashlib
import hmac
import time

from flask import session
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: A working day; a new token ends every session at once.
SESSION_SECONDS = 8 * 3600
_KEY, _SINCE = "insights", "insights_since"
#: Tries of one address, and of all of them, in this process.
_ONE, _ALL = parse("5/minute"), parse("30/minute")


class Door:
    """Lets an operator in; without a token it is closed, unless it is `open` (the demo)."""

    def __init__(self, token: str | None, *, is_open: bool) -> None:
        self._token = token
        self.is_open = is_open and token is None
        self._tries = MovingWindowRateLimiter(MemoryStorage())

    @property
    def is_closed(self) -> bool:
        """Return whether nobody can be let in, for no token is set."""
        return self._token is None and not self.is_open

    def lets_in(self) -> bool:
        """Return whether this session may see the report."""
        if self.is_open:
            return True
        mark, since = session.get(_KEY), session.get(_SINCE)
        if self._token is None or not isinstance(mark, str) or not isinstance(since, int | float):
            return False
        recent = 0 <= time.time() - since < SESSION_SECONDS
        return recent and hmac.compare_digest(mark.encode(), self._mark().encode())

    def may_try(self, address: str) -> bool:
        """Return whether one more token may be tried from this address now, and count it."""
        return self._tries.hit(_ONE, address) and self._tries.hit(_ALL, "all")

    def enter(self, given: str) -> bool:
        """Begin a session if the token is right, and return whether it is; how wrong it is takes no longer to say."""
        if self._token is None:
            return False
        right = hmac.compare_digest(_digest(given), _digest(self._token))
        if right:
            session.clear()
            session[_KEY], session[_SINCE] = self._mark(), time.time()
        return right

    def leave(self) -> None:
        """End the session."""
        session.clear()

    def _mark(self) -> str:
        """Return what a session keeps: it ends when the token changes, and gives none away."""
        return hmac.digest((self._token or "").encode(), b"b12-cds insights session", hashlib.sha256).hex()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
