"""One statement on a connection that each thread keeps: for what every call waits for.

Past SQLAlchemy's sessions and compilers, to the driver itself: what they give is not needed for one statement of our
own words, and they take more time than the database does. All of a thread's statements go over one connection, which is
a `quick` one: SQLite forgets the pages it has read when another connection wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

from service.store.database import Database, StoreError

#: Seconds in which a connection that ended says so, where its server is there.
_SWIFT = 1.0


class Direct:
    """Runs statements one at a time, each a transaction of its own, worded for the database by `worded`."""

    def __init__(self, database: Database) -> None:
        self._database, self._own = database, database.own
        self._sign = "?" if database.is_sqlite else "%s"

    def worded(self, statement: str) -> str:
        """Return a statement as the database's driver wants it, in which `{}` is written for a value."""
        return statement.replace("{}", self._sign)

    def run(self, wanted: str, given: Sequence[object]) -> tuple[int, Any]:
        """Return how many rows a statement changed, and the first row it found; raises StoreError.

        On a server's connection that ended it is run once more, on another; not where that took its time to show, as
        with a server that is gone: a call waits for one such time, not for two.
        """
        # A connection to a server may have ended while nobody asked; one to a file has not.
        if not self._database.is_sqlite and getattr(self._own, "connection", None) is not None:
            begun = monotonic()
            try:
                return self._run(wanted, given)
            except Exception as error:  # the driver's own, of which SQLAlchemy does not know here
                self._own.connection = None
                if monotonic() - begun > _SWIFT:
                    raise self._unusable(error) from error
        try:
            return self._run(wanted, given)
        except Exception as error:
            self._own.connection = None
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(f"the database {self._database.name} cannot be used ({type(error).__qualname__})")

    def _run(self, statement: str, given: Sequence[object]) -> tuple[int, Any]:
        cursor = self._connection().execute(statement, given)
        try:
            found = cursor.fetchone() if cursor.description is not None else None
            return cursor.rowcount, found
        finally:
            cursor.close()

    def _connection(self) -> Any:
        kept: Any = getattr(self._own, "connection", None)
        if kept is None:
            pooled = self._database.quick.raw_connection()
            kept = pooled.driver_connection
            pooled.detach()
            if not self._database.is_sqlite:
                kept.autocommit = True
            self._own.connection = kept
        return kept
