"""Which database the settings mean, and the memory in it."""

from __future__ import annotations

from datetime import timedelta

from service.memory import Memory
from service.settings import Settings, WrongSettings
from service.store.database import Database, StoreError, opened, usual_file
from service.store.migrate import require

#: The setting that keeps nothing.
NOTHING = "none"


def with_usual_database(settings: Settings) -> Settings:
    """Return the settings with the usual file where they name no database."""
    return settings.model_copy(update={"database": str(usual_file())}) if settings.database is None else settings


def database_of(settings: Settings) -> Database:
    """Return the database that the settings mean, as it is; raises WrongSettings."""
    where = with_usual_database(settings).database
    if where is None or where == NOTHING:
        raise WrongSettings("B12_DATABASE: none is kept; name a file or a PostgreSQL URL")
    try:
        return opened(where)
    except StoreError as error:
        raise WrongSettings(str(error)) from error


def memory_of(settings: Settings) -> Memory | None:
    """Return the memory, ready to be used, or None where no database is set; raises WrongSettings."""
    if settings.database is None or settings.database == NOTHING:
        return None
    database = database_of(settings)
    try:
        require(database)
    except StoreError as error:
        raise WrongSettings(f"B12_DATABASE: {error}") from error
    return Memory(
        database,
        site_secret=site_secret(settings),
        retention=timedelta(days=settings.retention_days),
        key_age=timedelta(days=settings.key_days),
    )


def site_secret(settings: Settings) -> str | None:
    """Return what the site adds to the keys in the database, if it does."""
    return settings.hash_secret.get_secret_value() if settings.hash_secret else None
