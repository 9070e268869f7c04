"""One database by URL or file: SQLite with nothing to set up, or PostgreSQL."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from service.store.tables import Base

#: Seconds that a writer waits for another.
BUSY_SECONDS = 10
_NAMES = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_READ_ONLY = "b12_reads"
#: A server behind a network that went away is noticed within seconds: a call waits for its connection.
_PATIENCE = {
    "connect_timeout": 2,
    "tcp_user_timeout": 2000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
#: A writer whose machine was cut off holds what others wait for until the server lets it go; and nobody waits for ever.
_WRITES = "SET LOCAL idle_in_transaction_session_timeout = '2s'; SET LOCAL lock_timeout = '3s'"


class StoreError(Exception):
    """The database cannot be used; the message says which and what would help, and holds no password.

    `refused` is what it would not take whenever it were asked again.
    """

    def __init__(self, problem: str, *, refused: bool = False) -> None:
        super().__init__(problem)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is open: `kept` writes survive a power cut, `quick` ones the end of the process."""

    kept: Engine
    quick: Engine
    reads: Engine
    own: local = field(default_factory=local, compare=False, repr=False)
    """The connection that each thread keeps (`service.store.direct`)."""

    @property
    def name(self) -> str:
        """Return where it is, without a password."""
        return self.kept.url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        """Return whether it is a file."""
        return self.kept.dialect.name == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a transaction that is on disk when the block is left; raises StoreError when it is not."""
        with _told(self.name), self.kept.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(_WRITES)
            yield connection

    @contextmanager
    def marking(self) -> Iterator[Connection]:
        """Give a transaction that outlives this process, and maybe not a power cut; raises StoreError."""
        with _told(self.name), self.quick.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"{_WRITES}; SET LOCAL synchronous_commit = off")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that only reads and so waits for nobody; raises StoreError."""
        with _told(self.name), self.reads.connect() as connection:
            yield connection

    def insert(self, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that can say what to do when the row is there already."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Let every connection go."""
        self.kept.dispose()
        self.quick.dispose()


def opened(where: str) -> Database:
    """Return the database at a URL or in a file, whose folder is made; raises StoreError."""
    try:
        url = _url(where)
        if url.get_backend_name() == "sqlite":
            return _forkable(_sqlite(url))
        if url.get_backend_name() == "postgresql":
            return _forkable(_postgresql(url))
    except (ArgumentError, NoSuchModuleError):
        raise StoreError("B12_DATABASE: not a file and not a URL such as postgresql://user@host/name") from None
    except ImportError as error:
        raise StoreError("PostgreSQL needs its driver: pip install 'b12-cds[postgresql]'") from error
    raise StoreError(f"B12_DATABASE: {url.get_backend_name()} is not supported; SQLite and PostgreSQL are")


def _forkable(database: Database) -> Database:
    """Return the database, which a forked worker opens anew: connections are no process's but their own."""
    if hasattr(os, "register_at_fork"):
        known = weakref.ref(database.kept), weakref.ref(database.quick)

        def leave() -> None:
            for engine in (each() for each in known):
                if engine is not None:
                    engine.dispose(close=False)

        os.register_at_fork(after_in_child=leave)
    return database


def usual_file() -> Path:
    """Return the file that is used when no setting names one: in this user's folder for data."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "b12-cds" / "state.sqlite3"


def _url(where: str) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=str(Path(where).expanduser()))
    url = make_url(where)
    return url.set(drivername=_NAMES.get(url.drivername, url.drivername))


def _sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise StoreError("B12_DATABASE: a database in memory would be another one for each worker; name a file")
    file = Path(url.database)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What is in it is the service's alone.
        file.touch(mode=0o600)
    except OSError as error:
        raise StoreError(
            f"B12_DATABASE: {file} cannot be written ({error.strerror}); name another file, a PostgreSQL URL, or none"
        ) from error
    quick = _sqlite_engine(url, "NORMAL")
    return Database(_sqlite_engine(url, "FULL"), quick, quick.execution_options(**{_READ_ONLY: True}))


def _postgresql(url: URL) -> Database:
    engine = sqlalchemy.create_engine(
        url, pool_pre_ping=True, pool_size=5, max_overflow=5, hide_parameters=True, connect_args=_PATIENCE
    )
    return Database(engine, engine, engine.execution_options(isolation_level="AUTOCOMMIT"))


def _sqlite_engine(url: URL, synchronous: str) -> Engine:
    engine = sqlalchemy.create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own way to begin is not used: a writer must wait before it reads, or it may lose.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn the driver's error into one that says which database it was, and nothing of what was written."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        refused = isinstance(error, IntegrityError | DataError)
        raise StoreError(f"the database {name} cannot be used ({cause})", refused=refused) from error
