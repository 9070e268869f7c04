"""The schema of a database and how it gets to the newest: Alembic, with its steps inside the package."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from service.store.database import Database, StoreError


def newest() -> str:
    """Return the revision that this version of the service needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise StoreError("the package has no migrations")
    return found


def revision(database: Database) -> str | None:
    """Return the revision a database is at, None when it is empty; raises StoreError."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring a database to the newest revision; return the one it had and the one it has. Raises StoreError."""
    wanted = newest()
    with database.writing() as connection:
        # Two workers that start together: the second waits here, and finds the work done.
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7512012)")
        had = MigrationContext.configure(connection).get_current_revision()
        if had != wanted:
            _known(had, database)
            command.upgrade(_config(connection), "head")
    return had, wanted


def require(database: Database) -> None:
    """Make sure that a database is ready: a file is upgraded, a server only by who looks after it.

    Raises StoreError, saying what to do.
    """
    had, wanted = revision(database), newest()
    if had == wanted:
        return
    if database.is_sqlite:
        upgrade(database)
        return
    _known(had, database)
    state = "is empty" if had is None else f"is at revision {had}, and {wanted} is needed"
    raise StoreError(f"the database {database.name} {state}: run b12-cds db upgrade")


def _known(had: str | None, database: Database) -> None:
    ours = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if had is not None and had not in ours:
        raise StoreError(f"the database {database.name} is at revision {had}, of a newer version of the service")


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("service.store") / "migrations"))
    config.attributes["connection"] = connection
    return config
