"""The keys that patients and users are hashed with: the newest writes, older ones still find what they wrote."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, select

from service.store.database import Database
from service.store.tables import HashKey, Shown

_BYTES = 32
#: Enough that no two patients of any country share one.
_HASH, _MARK = 16, 8
#: By then every worker has read the keys anew.
_HEARD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Key:
    """One key; what stands in the database is worth nothing without the site's own secret, where one is set."""

    id: int
    secret: bytes
    made: datetime

    def of(self, kind: str, words: str) -> str:
        """Return the keyed hash of a patient or a user; the same words of another kind have another."""
        return hmac.digest(self.secret, f"{kind}\0{words}".encode(), "sha256")[:_HASH].hex()

    def marks(self, card: str, words: frozenset[str]) -> frozenset[str]:
        """Return what results or orders are known by beside one card, and beside no other."""
        beside = hashlib.blake2b(card.encode(), key=self.secret, digest_size=_MARK, person=b"b12-mark")

        def mark(word: str) -> str:
            made = beside.copy()
            made.update(word.encode())
            return made.hexdigest()

        return frozenset(mark(word) for word in words)


class KeyRing:
    """All keys that are kept, the newest first; made once for a process and read anew from time to time."""

    def __init__(self, database: Database, site_secret: str | None = None) -> None:
        self._database = database
        self._site_secret = site_secret.encode() if site_secret else b""
        self._keys: tuple[Key, ...] = ()

    @property
    def keys(self) -> Sequence[Key]:
        """Return the keys, the newest first; raises StoreError when they cannot be read."""
        if not self._keys:
            self.read()
        return self._keys

    @property
    def newest(self) -> Key:
        """Return the key that writes."""
        return self.keys[0]

    def find(self, key_id: int) -> Key | None:
        """Return a key by its id, if it is still kept."""
        return next((key for key in self.keys if key.id == key_id), None)

    def read(self) -> None:
        """Read the keys anew; the first to look makes the first key. Raises StoreError."""
        with self._database.reading() as connection:
            rows = connection.execute(select(HashKey).order_by(HashKey.id.desc())).all()
        if not rows:
            self._make(1)
            self.read()
            return
        self._keys = tuple(Key(row.id, self._effective(row.secret), row.made) for row in rows)

    def rotate(self) -> int:
        """Make a new key, write with it from now on, and return its id; raises StoreError."""
        self._make(self.newest.id + 1)
        self.read()
        return self.newest.id

    def _make(self, key_id: int) -> None:
        """Make the key with this id; of two that make it at once, one does."""
        made = self._database.insert(HashKey).values(
            id=key_id, secret=secrets.token_hex(_BYTES), made=datetime.now(UTC)
        )
        with self._database.writing() as connection:
            connection.execute(made.on_conflict_do_nothing())

    def rotate_if_older(self, age: timedelta) -> bool:
        """Rotate when the newest key is older than this; return whether it was."""
        self.read()
        if datetime.now(UTC) - self.newest.made < age:
            return False
        self.rotate()
        return True

    def _effective(self, stored: str) -> bytes:
        return hmac.digest(self._site_secret, bytes.fromhex(stored), hashlib.sha256)


def forget_unused(connection: Connection, now: datetime) -> int:
    """Delete the keys that no row needs any more: what they hashed can be found by nobody.

    A key that was replaced lately stays, for a worker may not have heard of the next one.
    """
    newest = select(func.max(HashKey.id)).where(HashKey.made < now - _HEARD).scalar_subquery()
    needed = exists().where(Shown.key_id == HashKey.id)
    return connection.execute(delete(HashKey).where(HashKey.id < newest, ~needed)).rowcount
