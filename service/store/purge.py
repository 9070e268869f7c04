"""Retention: what is older than it may be goes, and with it the keys that nothing needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Delete, delete

from service.store.database import Database
from service.store.keys import KeyRing, forget_unused
from service.store.tables import Asked, FeedbackRow, Problem, Sealed, Shown, UsedToken

#: Longer than any answer quiets a card, so that no quiet ends because its answer was forgotten.
RETENTION = timedelta(days=395)
#: How long one key hashes patients before the next takes over.
KEY_AGE = timedelta(days=90)
_BETWEEN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows of each kind went."""

    shown: int
    feedback: int
    problems: int
    tokens: int
    keys: int


def purge(database: Database, older_than: timedelta, now: datetime | None = None) -> Purged:
    """Delete what is older than this, and expired tokens; return how much went. Raises StoreError."""
    now = now or datetime.now(UTC)
    before = now - older_than
    with database.writing() as connection:
        connection.execute(delete(Sealed).where(Sealed.until < now))
        connection.execute(delete(Asked).where(Asked.day < before.date()))
        return Purged(
            feedback=_gone(connection, delete(FeedbackRow).where(FeedbackRow.received < before)),
            shown=_gone(connection, delete(Shown).where(Shown.at < before)),
            problems=_gone(connection, delete(Problem).where(Problem.day < before.date())),
            tokens=_gone(connection, delete(UsedToken).where(UsedToken.until < now)),
            keys=forget_unused(connection, now),
        )


class Housekeeping:
    """What must be done from time to time: hear of new keys, make one when it is due, and keep retention."""

    def __init__(self, database: Database, keys: KeyRing, retention: timedelta, key_age: timedelta) -> None:
        self._database, self._keys = database, keys
        self._retention, self._key_age = retention, key_age
        self._purged: datetime | None = None

    def __call__(self) -> None:
        """Do what is due; raises StoreError."""
        self._keys.rotate_if_older(self._key_age)
        now = datetime.now(UTC)
        if self._purged is None or now - self._purged >= _BETWEEN:
            self._purged = now
            purge(self._database, self._retention, now)


def _gone(connection: Connection, statement: Delete) -> int:
    return connection.execute(statement).rowcount
