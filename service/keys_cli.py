"""`b12-cds keys`: the keys that this service signs by, where it asks FHIR servers for access of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_KID = click.argument("kid")


@click.group()
def keys() -> None:
    """Make and change our own keys (docs/going-live.md)."""


@keys.command()
@_FILE
@click.option("--algorithm", type=click.Choice(["ES384", "RS384"]), default="ES384", show_default=True)
def new(file: Path, algorithm: str) -> None:
    """Make a key in FILE; beside others it is published, and signs once it is promoted."""
    from service.backend import keys as own

    with _told():
        entries = own.read(file) if file.exists() else []
        made = own.made(algorithm)
        own.write(file, [*entries, made])
    click.echo(f"{made['kid']} {algorithm}: {'published' if entries else 'signs'}")


@keys.command("list")
@_FILE
def listed(file: Path) -> None:
    """List the keys of FILE, by kid: the first signs, all are published."""
    from service.backend import keys as own

    with _told():
        for place, entry in enumerate(own.read(file)):
            click.echo(f"{entry['kid']} {entry['alg']}: {'published' if place else 'signs'}")


@keys.command()
@_FILE
@_KID
def promote(file: Path, kid: str) -> None:
    """Have the key KID of FILE sign from now on."""
    from service.backend import keys as own

    with _told():
        entries = own.read(file)
        _known(kid, [str(entry["kid"]) for entry in entries])
        own.write(file, sorted(entries, key=lambda entry: entry["kid"] != kid))
    click.echo(f"{kid}: signs")


@keys.command()
@_FILE
@_KID
def retire(file: Path, kid: str) -> None:
    """Take the key KID out of FILE: nothing that it signed is good any more."""
    from service.backend import keys as own

    with _told():
        entries = own.read(file)
        _known(kid, [str(entry["kid"]) for entry in entries])
        if entries[0]["kid"] == kid:
            raise click.ClickException(f"{kid} signs now: promote another one first")
        own.write(file, [entry for entry in entries if entry["kid"] != kid])
    click.echo(f"{kid}: gone")


def _known(kid: str, kids: list[str]) -> None:
    if kid not in kids:
        raise click.ClickException(f"there is no key {kid}; known: {', '.join(kids)}")


@contextmanager
def _told() -> Iterator[None]:
    from service.backend.keys import WrongKeyFile

    try:
        yield
    except WrongKeyFile as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
