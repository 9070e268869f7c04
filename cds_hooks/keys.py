"""A client's public keys: read from a URL or a file, kept, read again when they have changed (J10, J11, J13).

Keys are imported once and then used as they are. Reading is limited to once in `RETRY` seconds whatever callers
send, so that nobody can make this service knock at a client's door.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock, Thread
from time import monotonic
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

log = logging.getLogger("cds_hooks")

FRESH = 600.0
"""Seconds after which keys are read again, while the old ones serve."""
STALE = 3600.0
"""Seconds after which keys that could not be read again serve no more."""
RETRY = 30.0
"""Seconds between two readings, however they end."""
RSA_BITS = 2048

PublicKey = ECKey | RSAKey | OKPKey
_KINDS: Mapping[str, type[PublicKey]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
_PUBLIC = frozenset({"kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"})


class WrongKeys(ValueError):
    """A key set that cannot be used; the words say why."""


class KeysUnreachable(Exception):
    """A key set could not be read; the words hold no URL."""


def key_set(document: bytes) -> dict[str, PublicKey]:
    """Return the keys of a JWK set by `kid`, those that can verify signatures and no others.

    Raises `WrongKeys` for what is no JWK set or holds no such key. A symmetric key, one without `kid`, one for
    another use, a short RSA key and one that cannot be read are passed over; so are all keys that share a `kid`.
    """
    try:
        entries = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    except (ValueError, RecursionError):
        raise WrongKeys("not a JWK set") from None
    if not isinstance(entries, list):
        raise WrongKeys("not a JWK set: no list of keys")
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("kid"), str)]
    kids = [entry["kid"] for entry in named]
    found = {entry["kid"]: key for entry in named if kids.count(entry["kid"]) == 1 and (key := _key(entry))}
    if not found:
        raise WrongKeys("no public key with a kid that can verify signatures")
    return found


def _key(entry: dict[str, Any]) -> PublicKey | None:
    kind = _KINDS.get(str(entry.get("kty")))
    operations = entry.get("key_ops", ["verify"])
    if kind is None or entry.get("use", "sig") != "sig" or not isinstance(operations, list):
        return None
    # Only what is public is kept; a private key that was published by mistake is not held here.
    public = {name: value for name, value in entry.items() if name in _PUBLIC - {"key_ops", "use"}}
    if "verify" not in operations:
        return None
    try:
        key = kind.import_key(public)
        if isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


@dataclass(slots=True)
class KeySource:
    """The keys of one client from one place, safe to share among threads.

    `load` returns the JWK set as JSON, or raises `KeysUnreachable`. `name` is told in the log.
    """

    name: str
    load: Callable[[], bytes] = field(repr=False)
    clock: Callable[[], float] = field(default=monotonic, repr=False)
    _keys: Mapping[str, PublicKey] = field(default_factory=dict, repr=False)
    _had: float | None = None
    _tried: float | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, kid: str) -> PublicKey | None:
        """Return a key, or None when the client has no such key that can be known now."""
        age = self.clock() - self._had if self._had is not None else STALE
        key = self._keys.get(kid) if age < STALE else None
        if key is None:
            self._read_again()
            return self._keys.get(kid) if self._is_usable() else None
        if age >= FRESH and self._may_try():
            Thread(target=self._read_again, daemon=True, name="keys").start()
        return key

    def is_ready(self) -> bool:
        """Return whether keys are there that serve, reading them when they are not."""
        if not self._is_usable():
            self._read_again()
        return self._is_usable()

    def read_now(self) -> None:
        """Read the keys; raises `KeysUnreachable` or `WrongKeys`, for keys that must be right at start."""
        self._keys, self._had = key_set(self.load()), self.clock()

    def _is_usable(self) -> bool:
        return self._had is not None and self.clock() - self._had < STALE

    def _may_try(self) -> bool:
        return self._tried is None or self.clock() - self._tried >= RETRY

    def _read_again(self) -> None:
        # Others wait for the one reading, and find that it has just been done.
        with self._lock:
            if not self._may_try():
                return
            self._tried = self.clock()
            try:
                self.read_now()
            except (KeysUnreachable, WrongKeys) as failed:
                log.warning("keys=%s failed=%s", self.name, failed)
