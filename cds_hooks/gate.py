"""The gate before every endpoint: a known client, within its rate, or a refusal."""

import logging
import re
from collections.abc import Mapping
from math import ceil
from time import time
from typing import Any

from limits import RateLimitItem
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from cds_hooks.clients import Client
from cds_hooks.errors import TooMany, Unauthorized, Unavailable
from cds_hooks.trust import Verifier

log = logging.getLogger("cds_hooks")

_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)", re.IGNORECASE)


class RateLimit:
    """So many calls of one client in a window of time; with a shared storage, of all workers together.

    A storage that fails lets calls pass: a limit that cannot be counted must not stop care.
    """

    def __init__(self, storage: Storage) -> None:
        self._limiter = FixedWindowRateLimiter(storage)

    def count(self, client: Client, rate: RateLimitItem) -> None:
        """Count one call; raises `TooMany` (429) above the client's rate."""
        try:
            if self._limiter.hit(rate, client.name):
                return
            ends = self._limiter.get_window_stats(rate, client.name).reset_time
        except Exception as failed:  # whatever the storage's driver raises
            log.warning("rate-limit=%s", type(failed).__qualname__)
            return
        raise TooMany(max(1, ceil(ends - time())))


class Gate:
    """Admits the requests of clients; without a verifier everybody is `anyone`."""

    def __init__(
        self, anyone: Client | None = None, verifier: Verifier | None = None, rates: RateLimit | None = None
    ) -> None:
        if anyone is None and verifier is None:
            raise ValueError("either callers are authenticated, or there is a client that everybody is")
        self._anyone, self._verifier, self._rates = anyone, verifier, rates

    def admit(self, environ: Mapping[str, Any], path: str) -> Client:
        """Return the client that calls `path`, a path below the base of the service.

        Raises `Unauthorized` (401), `TooMany` (429) or `Unavailable` (503).
        """
        if self._verifier is None:
            client = self._anyone
            assert client is not None
        else:
            client = self._authenticated(self._verifier, environ, path)
        if self._rates is not None and client.rate is not None:
            self._rates.count(client, client.rate)
        return client

    def _authenticated(self, verifier: Verifier, environ: Mapping[str, Any], path: str) -> Client:
        given = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        try:
            if given is None:
                raise Unauthorized("no-token")
            return verifier.client_of(given[1], path)
        except Unauthorized as refused:
            log.warning("status=401 reason=%s", refused.reason)
            raise
        except Unavailable:
            log.error("status=503 reason=replay-guard")
            raise
