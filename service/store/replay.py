"""The replay guard that workers and machines share: whoever writes a token's id first has used it."""

from __future__ import annotations

from datetime import UTC, datetime

from cds_hooks.replay import GuardUnavailable
from service.store.database import Database, StoreError
from service.store.tables import UsedToken


class StoredReplayGuard:
    """A `cds_hooks.replay.ReplayGuard` in the database; ids are forgotten when their tokens expire."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = database.insert(UsedToken).on_conflict_do_nothing().returning(UsedToken.jti)

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Return whether this is the first use of a token id anywhere; raises `GuardUnavailable`."""
        if "\0" in jti:
            return False
        row = {"issuer": issuer, "jti": jti, "until": datetime.fromtimestamp(until, UTC)}
        try:
            with self._database.marking() as connection:
                return connection.execute(self._insert, row).first() is not None
        except StoreError as error:
            raise GuardUnavailable from error
