"""One statement on a connection that each thread keeps: for what every call waits for.

Past SQLAlchemy's sessions and compilers, to the driver itself: what they give is not needed for one statement of our
own words, and they take more time than the database does.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import local
from typing import Any

from sqlalchemy import Engine

from service.store.database import Database, StoreError


class Direct:
    """Runs statements one at a time, each a transaction of its own; `{}` is written for a value."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database, self._engine = database, engine
        self._sign = "?" if database.is_sqlite else "%s"
        self._kept = local()

    def run(self, statement: str, given: Sequence[object]) -> tuple[int, Any]:
        """Return how many rows a statement changed, and the first row it found; raises StoreError.

        On a server's connection that ended it is run once more, on another.
        """
        wanted = statement.format(*[self._sign] * len(given))
        # A connection to a server may have ended while nobody asked; one to a file has not.
        if not self._database.is_sqlite and getattr(self._kept, "connection", None) is not None:
            try:
                return self._run(wanted, given)
            except Exception:  # the driver's own, of which SQLAlchemy does not know here
                self._kept.connection = None
        try:
            return self._run(wanted, given)
        except Exception as error:
            self._kept.connection = None
            raise StoreError(
                f"the database {self._database.name} cannot be used ({type(error).__qualname__})"
            ) from error

    def _run(self, statement: str, given: Sequence[object]) -> tuple[int, Any]:
        cursor = self._connection().execute(statement, given)
        try:
            found = cursor.fetchone() if cursor.description is not None else None
            return cursor.rowcount, found
        finally:
            cursor.close()

    def _connection(self) -> Any:
        kept: Any = getattr(self._kept, "connection", None)
        if kept is None:
            pooled = self._engine.raw_connection()
            kept = pooled.driver_connection
            pooled.detach()
            if not self._database.is_sqlite:
                kept.autocommit = True
            self._kept.connection = kept
        return kept
