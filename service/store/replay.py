"""The replay guard that workers and machines share: whoever writes a token's id first has used it."""

from __future__ import annotations

from datetime import UTC, datetime

from cds_hooks.replay import GuardUnavailable
from service.store.database import Database, StoreError
from service.store.direct import Direct
from service.store.tables import Instant

_USED = "INSERT INTO used_token (issuer, jti, until) VALUES ({}, {}, {}) ON CONFLICT DO NOTHING"


class StoredReplayGuard:
    """A `cds_hooks.replay.ReplayGuard` in the database; ids are forgotten when their tokens expire.

    A use outlives this process, and maybe not a power cut.
    """

    def __init__(self, database: Database) -> None:
        session = () if database.is_sqlite else ("SET synchronous_commit = off",)
        self._direct = Direct(database, database.quick, *session)
        self._as_stored = Instant().bind_processor(database.quick.dialect)

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Return whether this is the first use of a token id anywhere; raises `GuardUnavailable`."""
        if "\0" in jti:
            return False
        instant = datetime.fromtimestamp(until, UTC)
        try:
            written, _ = self._direct.run(
                _USED, (issuer, jti, self._as_stored(instant) if self._as_stored else instant)
            )
        except StoreError as error:
            raise GuardUnavailable from error
        return written == 1
