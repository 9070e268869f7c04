"""The one question that every call with cards asks: has anybody answered a card of this patient?"""

from __future__ import annotations

from collections.abc import Sequence
from threading import local
from typing import Any

from service.store.database import Database, StoreError

_WANTED = "SELECT 1 FROM feedback WHERE patient_hash IN ({}) AND client = {} LIMIT 1"


class Question:
    """Asks on a connection that each thread keeps, without a transaction: an index, and no more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sign = "?" if database.is_sqlite else "%s"
        self._kept = local()

    def is_answered(self, patients: Sequence[str], client: str) -> bool:
        """Return whether there is an answer about a patient, known by one hash for each key; raises StoreError."""
        wanted = _WANTED.format(",".join([self._sign] * len(patients)), self._sign)
        given = (*patients, client)
        try:
            return self._ask(wanted, given)
        except Exception:  # the driver's own, of which SQLAlchemy does not know here
            # A connection may have ended while nobody asked.
            self._kept.connection = None
        try:
            return self._ask(wanted, given)
        except Exception as error:
            self._kept.connection = None
            raise StoreError(
                f"the database {self._database.name} cannot be used ({type(error).__qualname__})"
            ) from error

    def _ask(self, wanted: str, given: tuple[str, ...]) -> bool:
        cursor = self._connection().execute(wanted, given)
        found = cursor.fetchone() is not None
        cursor.close()
        return found

    def _connection(self) -> Any:
        kept: Any = getattr(self._kept, "connection", None)
        if kept is None:
            pooled = self._database.reads.raw_connection()
            kept = pooled.driver_connection
            pooled.detach()
            if not self._database.is_sqlite:
                kept.autocommit = True
            self._kept.connection = kept
        return kept
