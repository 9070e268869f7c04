"""`b12-cds db` and `b12-cds audit`: look after what is kept, and account for what was shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from service.settings import Settings, WrongSettings, from_environment

if TYPE_CHECKING:
    from service.store.database import Database

_SPAN = re.compile(r"(\d{1,5})d")


def _span(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """Return a number of days, such as 90d; fails for anything else."""
    found = _SPAN.fullmatch(value.strip()) if value is not None else None
    if value is not None and found is None:
        raise click.BadParameter(f"{value!r} is not a number of days; for example 90d", ctx, param)
    return timedelta(days=int(found[1])) if found else None


@click.group()
def db() -> None:
    """Look after the database (B12_DATABASE)."""


@db.command()
def upgrade() -> None:
    """Bring the database to the schema that this version needs."""
    from service.store.migrate import upgrade as to_newest

    with _database() as (database, _):
        had, has = to_newest(database)
        same = f"{database.name} is at {has}: nothing to do"
        click.echo(same if had == has else f"{database.name}: {had or 'empty'} to {has}")


@db.command()
@click.option("--older-than", metavar="DAYS", callback=_span, help="Such as 90d; by default B12_RETENTION_DAYS.")
def purge(older_than: timedelta | None) -> None:
    """Delete what is older than it may be: what was shown, feedback, problems, tokens, and keys nothing needs."""
    from service.store.migrate import require
    from service.store.purge import purge as purged

    with _database() as (database, settings):
        require(database)
        age = older_than if older_than is not None else timedelta(days=settings.retention_days)
        gone = purged(database, age)
        click.echo(
            f"older than {age.days} days and deleted: {gone.shown} cards shown, {gone.feedback} feedback, "
            f"{gone.problems} data problems; expired: {gone.tokens} tokens, {gone.keys} keys"
        )


@db.command("rotate-key")
def rotate_key() -> None:
    """Hash patients and users with a new key from now on; older keys stay until nothing kept needs them."""
    from service.state import site_secret
    from service.store.keys import KeyRing
    from service.store.migrate import require

    with _database() as (database, settings):
        require(database)
        click.echo(f"key {KeyRing(database, site_secret(settings)).rotate()} is in use")


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only from this time on (UTC).")
@click.option("--card", help="Only the card with this id.")
def audit(since: datetime | None, card: str | None) -> None:
    """Print who was shown what, when, under which rules, and what was answered: one JSON document a line.

    Patients and users stand there as hashes; what a clinician wrote freely is left out.
    """
    from service.store.audit import audit as entries
    from service.store.audit import unmatched
    from service.store.migrate import require

    moment = since.replace(tzinfo=UTC) if since else None
    with _database() as (database, _):
        require(database)
        for find in (entries, unmatched):
            for entry in find(database, moment, card):
                click.echo(json.dumps(entry))


@contextmanager
def _database() -> Iterator[tuple[Database, Settings]]:
    from service.state import database_of
    from service.store.database import StoreError

    try:
        settings = from_environment()
        database = database_of(settings)
        try:
            yield database, settings
        finally:
            database.close()
    except (WrongSettings, StoreError) as error:
        raise click.ClickException(str(error)) from error
