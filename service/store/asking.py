"""The one question that every call with cards asks: has anybody answered a card of this patient?"""

from __future__ import annotations

from collections.abc import Sequence

from service.store.database import Database
from service.store.direct import Direct

_WANTED = "SELECT 1 FROM feedback WHERE patient_hash IN (%s) AND client = {} LIMIT 1"


class Question:
    """Asks an index, and no more."""

    def __init__(self, database: Database) -> None:
        self._direct = Direct(database)
        self._wanted: dict[int, str] = {}

    def is_answered(self, patients: Sequence[str], client: str) -> bool:
        """Return whether there is an answer about a patient, known by one hash for each key; raises StoreError."""
        wanted = self._wanted.get(len(patients))
        if wanted is None:
            hashes = ", ".join(["{}"] * len(patients))
            wanted = self._wanted[len(patients)] = self._direct.worded(_WANTED % hashes)
        _, found = self._direct.run(wanted, (*patients, client))
        return found is not None
