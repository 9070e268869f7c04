"""A secret that all workers share, for one purpose: made by the first that asks."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import select

from service.store.database import Database
from service.store.tables import SharedSecret

_BYTES = 32


def shared_secret(database: Database, purpose: str, site_secret: str | None = None) -> str:
    """Return the secret of a purpose; what stands in the database is worth nothing without the site's own.

    Raises StoreError.
    """
    wanted = select(SharedSecret.secret).where(SharedSecret.purpose == purpose)
    with database.reading() as connection:
        kept = connection.execute(wanted).scalar()
    if kept is None:
        made = database.insert(SharedSecret).values(purpose=purpose, secret=secrets.token_hex(_BYTES))
        with database.writing() as connection:
            # Of two that make it at once, one does.
            connection.execute(made.on_conflict_do_nothing())
        with database.reading() as connection:
            kept = connection.execute(wanted).scalar_one()
    site = site_secret.encode() if site_secret else b""
    return hmac.digest(site, bytes.fromhex(kept), hashlib.sha256).hex()
