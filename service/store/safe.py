"""A safe for what a browser has open: each thing lies under the hash of a secret that only its holder knows.

The content is encrypted with a key that is made of the same secret, so whoever reads the database finds neither who
is signed in nor a token. Nothing is kept longer than it is good for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import delete, select

from service.store.database import Database
from service.store.tables import Sealed

_HEADER = {"alg": "dir", "enc": "A256GCM"}
_MOST = 10_000
"""Things in memory at once; the oldest go first."""


class Shelf(Protocol):
    """Where sealed contents lie; each call raises StoreError where it cannot be made."""

    def put(self, key: str, content: str, until: datetime) -> None:
        """Keep a content under a key, in place of one that is there."""

    def add(self, key: str, content: str, until: datetime) -> None:
        """Keep a content under a key, unless one that is still good is there."""

    def get(self, key: str, now: datetime) -> str | None:
        """Return a content that is still good."""

    def take(self, key: str, now: datetime) -> str | None:
        """Return a content that is still good and remove it: of any number that ask, one gets it."""


class Safe:
    """Keeps JSON objects under secrets, of several kinds beside each other; `site` is a site's own secret, if any."""

    def __init__(self, shelf: Shelf, site: str | None = None) -> None:
        self._shelf = shelf
        self._site = (site or "").encode()

    def put(self, kind: str, secret: str, content: dict[str, Any], until: datetime) -> None:
        """Keep an object until a time; raises StoreError."""
        self._shelf.put(self._name(kind, secret), self._sealed(kind, secret, content), until)

    def first(self, kind: str, secret: str, content: dict[str, Any], until: datetime) -> dict[str, Any]:
        """Keep an object unless there is one, and return the one that is there; raises StoreError."""
        self._shelf.add(self._name(kind, secret), self._sealed(kind, secret, content), until)
        return self.get(kind, secret) or content

    def get(self, kind: str, secret: str) -> dict[str, Any] | None:
        """Return what is kept under a secret, or None; raises StoreError."""
        return self._opened(kind, secret, self._shelf.get(self._name(kind, secret), datetime.now(UTC)))

    def take(self, kind: str, secret: str) -> dict[str, Any] | None:
        """Return what is kept under a secret, once, and forget it; raises StoreError."""
        return self._opened(kind, secret, self._shelf.take(self._name(kind, secret), datetime.now(UTC)))

    def _sealed(self, kind: str, secret: str, content: dict[str, Any]) -> str:
        return jwe.encrypt_compact(_HEADER, json.dumps(content), self._lock(kind, secret))

    def _name(self, kind: str, secret: str) -> str:
        return self._made("find", kind, secret).hex()

    def _lock(self, kind: str, secret: str) -> OctKey:
        return OctKey.import_key(self._made("open", kind, secret))

    def _made(self, purpose: str, kind: str, secret: str) -> bytes:
        """Return 32 bytes made of a secret; secrets are long and random, so one step of a keyed hash is enough."""
        keyed = hmac.digest(self._site, f"{purpose}\0{kind}".encode(), hashlib.sha256)
        return hmac.digest(keyed, secret.encode(), hashlib.sha256)

    def _opened(self, kind: str, secret: str, sealed: str | None) -> dict[str, Any] | None:
        if sealed is None:
            return None
        try:
            plain = jwe.decrypt_compact(sealed, self._lock(kind, secret), algorithms=["dir", "A256GCM"]).plaintext
        except (JoseError, ValueError):
            return None
        found: dict[str, Any] = json.loads(plain or b"{}")
        return found


class MemoryShelf:
    """A shelf of one process, safe to share among its threads."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, datetime]] = {}
        self._lock = Lock()

    def put(self, key: str, content: str, until: datetime) -> None:
        """Keep a content; what has ended goes."""
        now = datetime.now(UTC)
        with self._lock:
            self._kept = {known: kept for known, kept in self._kept.items() if kept[1] > now and known != key}
            while len(self._kept) >= _MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (content, until)

    def add(self, key: str, content: str, until: datetime) -> None:
        """Keep a content, unless one that is still good is there."""
        with self._lock:
            if self.get(key, datetime.now(UTC)) is None:
                self._kept[key] = (content, until)

    def get(self, key: str, now: datetime) -> str | None:
        """Return a content that is still good."""
        content, until = self._kept.get(key, ("", now))
        return content if until > now else None

    def take(self, key: str, now: datetime) -> str | None:
        """Return a content that is still good, once."""
        with self._lock:
            content, until = self._kept.pop(key, ("", now))
        return content if until > now else None


class StoredShelf:
    """A shelf in the database, which all workers share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: str, content: str, until: datetime) -> None:
        """Keep a content; what has ended goes."""
        made = self._database.insert(Sealed).values(key=key, content=content, until=until)
        with self._database.marking() as connection:
            connection.execute(delete(Sealed).where(Sealed.until < datetime.now(UTC)))
            connection.execute(
                made.on_conflict_do_update(index_elements=[Sealed.key], set_={"content": content, "until": until})
            )

    def add(self, key: str, content: str, until: datetime) -> None:
        """Keep a content, unless one that is still good is there."""
        made = self._database.insert(Sealed).values(key=key, content=content, until=until)
        with self._database.marking() as connection:
            connection.execute(delete(Sealed).where(Sealed.until < datetime.now(UTC)))
            connection.execute(made.on_conflict_do_nothing())

    def get(self, key: str, now: datetime) -> str | None:
        """Return a content that is still good."""
        with self._database.reading() as connection:
            return connection.execute(
                select(Sealed.content).where(Sealed.key == key, Sealed.until > now)
            ).scalar_one_or_none()

    def take(self, key: str, now: datetime) -> str | None:
        """Return a content that is still good, once."""
        with self._database.marking() as connection:
            row = connection.execute(
                delete(Sealed).where(Sealed.key == key).returning(Sealed.content, Sealed.until)
            ).one_or_none()
        return row.content if row is not None and row.until > now else None
