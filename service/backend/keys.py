"""Our own keys: one private JWK set in a file; the first of them signs, all of them are published."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

log = logging.getLogger("service.backend")

ALGORITHMS: dict[str, type[ECKey] | type[RSAKey]] = {"ES384": ECKey, "RS384": RSAKey}
RSA_BITS = 3072
_MAX_BYTES = 256 * 1024

OwnKey = ECKey | RSAKey


class WrongKeyFile(ValueError):
    """A file of keys that cannot be used; the words say which and why, and hold nothing of a key."""


def made(algorithm: str) -> dict[str, Any]:
    """Return a new private JWK for an algorithm, named by its own thumbprint."""
    key: OwnKey
    if algorithm == "ES384":
        key = ECKey.generate_key("P-384", private=True)
    else:
        key = RSAKey.generate_key(RSA_BITS, private=True)
    return {**key.as_dict(private=True), "kid": key.thumbprint(), "use": "sig", "alg": algorithm}


def read(file: Path) -> list[dict[str, Any]]:
    """Return the private JWKs of a file in their order; raises WrongKeyFile."""
    try:
        with file.open("rb") as opened:
            document = msgspec.json.decode(opened.read(_MAX_BYTES), type=dict[str, list[dict[str, Any]]])
    except OSError as error:
        raise WrongKeyFile(f"{file.name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise WrongKeyFile(f"{file.name} is not a JWK set") from None
    entries = document.get("keys", [])
    if not entries:
        raise WrongKeyFile(f"{file.name} holds no key: b12-cds keys new {file.name}")
    kids = [entry.get("kid") for entry in entries]
    for entry in entries:
        if not isinstance(entry.get("kid"), str) or kids.count(entry["kid"]) > 1:
            raise WrongKeyFile(f"{file.name}: each key needs a kid of its own")
        if entry.get("alg") not in ALGORITHMS or "d" not in entry:
            raise WrongKeyFile(f"{file.name}: {entry['kid']} is no private key for {' or '.join(ALGORITHMS)}")
    return entries


def write(file: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write private JWKs so that nobody else can read them, and nobody finds half a file; raises OSError."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(msgspec.json.format(msgspec.json.encode({"keys": list(entries)}), indent=2) + b"\n")
    beside.replace(file)


@dataclass(slots=True)
class OwnKeys:
    """The keys of a file, read again when it changes; a change that is wrong is logged and changes nothing."""

    file: Path
    _keys: tuple[OwnKey, ...] = field(default=(), repr=False)
    _stamp: tuple[int, int] | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def start(self) -> None:
        """Read the file; raises WrongKeyFile."""
        self._keys, self._stamp = _imported(self.file), _stamp(self.file)

    def signing(self, algorithm: str | None) -> OwnKey | None:
        """Return the first key for an algorithm, or None where there is no such key."""
        return next((key for key in self._now() if algorithm in (None, key.as_dict()["alg"])), None)

    def published(self) -> dict[str, Any]:
        """Return the public JWK set."""
        return {"keys": [key.as_dict(private=False) for key in self._now()]}

    def _now(self) -> tuple[OwnKey, ...]:
        with self._lock:
            stamp = _stamp(self.file)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._keys = _imported(self.file)
                except WrongKeyFile as error:
                    log.error("keys unchanged: %s", error)
            return self._keys


def _imported(file: Path) -> tuple[OwnKey, ...]:
    keys = []
    for entry in read(file):
        try:
            keys.append(ALGORITHMS[entry["alg"]].import_key(entry))
        except (JoseError, ValueError, TypeError, KeyError):
            raise WrongKeyFile(f"{file.name}: {entry['kid']} cannot be read as a key") from None
    return tuple(keys)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
