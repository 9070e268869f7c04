"""Used tokens in Redis, for workers and machines that share nothing else (the extra `redis`)."""

from math import ceil
from time import time

import redis

from cds_hooks.replay import SECONDS, GuardUnavailable


class RedisReplayGuard:
    """Remembers used tokens under keys that Redis forgets by itself; raises `ValueError` for what is no Redis URL."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)

    def is_ready(self) -> bool:
        """Return whether the Redis answers."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Return whether this is the first use of a token id by anybody who shares the Redis."""
        key = f"used-token:{len(issuer)}:{issuer}:{jti}"
        try:
            return bool(self._redis.set(key, b"", nx=True, ex=max(1, ceil(until - time()))))
        except redis.RedisError:
            raise GuardUnavailable from None
