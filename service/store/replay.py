"""The replay guard that workers and machines share: whoever writes a token's id first has used it."""

from __future__ import annotations

from datetime import UTC, datetime

from cds_hooks.replay import GuardUnavailable
from service.store.database import Database, StoreError
from service.store.direct import Direct
from service.store.tables import Instant

_USED = "INSERT INTO used_token (issuer, jti, until) VALUES ({}, {}, {}) ON CONFLICT DO NOTHING"
#: The setting is this statement's alone: a pooler may give the connection to somebody whose rows must be kept.
_USED_IN_POSTGRESQL = (
    "INSERT INTO used_token (issuer, jti, until) SELECT {}::text, {}::text, {}::timestamptz"
    " FROM set_config('synchronous_commit', 'off', true) ON CONFLICT DO NOTHING"
)


class StoredReplayGuard:
    """A `cds_hooks.replay.ReplayGuard` in the database; ids are forgotten when their tokens expire.

    A use outlives this process, and maybe not a power cut. Where a server's answer to the first use is lost, the token
    counts as used.
    """

    def __init__(self, database: Database) -> None:
        self._direct = Direct(database)
        self._used = self._direct.worded(_USED if database.is_sqlite else _USED_IN_POSTGRESQL)
        self._as_stored = Instant().bind_processor(database.quick.dialect)

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Return whether this is the first use of a token id anywhere; raises `GuardUnavailable`."""
        if "\0" in jti:
            return False
        instant = datetime.fromtimestamp(until, UTC)
        try:
            written, _ = self._direct.run(
                self._used, (issuer, jti, self._as_stored(instant) if self._as_stored else instant)
            )
        except StoreError as error:
            raise GuardUnavailable from error
        return written == 1
