"""`b12-cds protocol`: check a site's own protocol, lay two side by side, print all that is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.compare.answers import Side

_file = click.Path(dir_okay=False, path_type=Path)


@click.group()
def protocol() -> None:
    """Look after protocols: the shipped ones, and a site's own file."""


@protocol.command()
@click.argument("file", type=_file)
def check(file: Path) -> None:
    """Say whether FILE, a site's own protocol, is good; or the line, what is wrong, and what would be right."""
    from service.compare.local import report
    from service.fhir.gate import GateError
    from service.knowledge.strict_yaml import KnowledgeError

    try:
        click.echo("\n".join(report(file)))
    except KnowledgeError as error:
        raise click.ClickException(_told(error, file)) from error
    except GateError as error:
        raise click.ClickException(f"{file}: an order would not be valid: {error}") from error


@protocol.command()
@click.argument("file", type=_file)
def digest(file: Path) -> None:
    """Print what a clinician who signs FILE off writes into it: the digest of its content."""
    from service.knowledge.signing import content_digest
    from service.knowledge.strict_yaml import KnowledgeError, read

    try:
        content = read(file).value
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    except KnowledgeError as error:
        raise click.ClickException(_told(error, file)) from error
    if not isinstance(content, dict):
        raise click.ClickException(f"{file}: not a protocol")
    click.echo(content_digest(content))


@protocol.command()
@click.argument("one")
@click.argument("other")
def diff(one: str, other: str) -> None:
    """Say what changes from ONE to OTHER, each an id or a file: value by value, then patient by patient."""
    from service.compare.text import differences
    from service.consult import UnknownProtocol
    from service.knowledge.strict_yaml import KnowledgeError

    try:
        click.echo("\n".join(differences(*_sides(one, other))))
    except UnknownProtocol as error:
        raise click.ClickException(str(error)) from error
    except KnowledgeError as error:
        raise click.ClickException(_told(error, error.file)) from error


@protocol.command()
@click.option("--output", type=_file, help="Write it here; by default print it.")
def book(output: Path | None) -> None:
    """Print all shipped knowledge as one page of Markdown, each number with its source and its letter."""
    from service.knowledge.book import page

    if output is None:
        click.echo(page(), nl=False)
    else:
        output.write_text(page(), encoding="utf-8")


def _sides(one: str, other: str) -> tuple[Side, Side]:
    """Return who answers for each: one consultant where that is possible, so that both know the same protocols."""
    from service.compare.answers import Side
    from service.consult import following
    from service.knowledge.load import protocol_file

    def alone(name: str) -> Side:
        using, found = following(name)
        return Side(using, found)

    if protocol_file(one) and protocol_file(other):
        return alone(one), alone(other)
    own, shipped = (one, other) if protocol_file(one) else (other, one)
    side = alone(own)
    side.using.protocol(shipped)
    beside = Side(side.using, shipped)
    return (side, beside) if own == one else (beside, side)


def _told(error: Exception, file: Path) -> str:
    """Return an error as `file:line: problem`, the file as it was given."""
    from service.knowledge.strict_yaml import KnowledgeError

    if isinstance(error, KnowledgeError) and error.file == file:
        return f"{file}:{error.line}: {error.problem}"
    return str(error)
