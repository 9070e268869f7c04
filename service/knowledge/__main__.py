"""`python -m service.knowledge`: check the mapping files, or write the schemas that editors use."""

from __future__ import annotations

from pathlib import Path

import click

from service.knowledge import check as checking
from service.knowledge import editor
from service.knowledge.load import shipped
from service.knowledge.strict_yaml import KnowledgeError

_folder = click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
)


@click.group()
def main() -> None:
    """Look after the mapping files."""


@main.command()
@_folder
def check(folder: Path | None) -> None:
    """Load everything in FOLDER (the shipped mappings), and say what is there or the first thing that is wrong."""
    folder = folder or shipped()
    try:
        lines = tuple(checking.report(folder))
    except KnowledgeError as error:
        click.echo(checking.told(error, folder), err=True)
        raise SystemExit(1) from None
    click.echo("\n".join(lines))


@main.command()
@_folder
def schema(folder: Path | None) -> None:
    """Write the schemas of all mapping files into FOLDER/schema."""
    folder = folder or shipped()
    click.echo(f"{editor.write(folder)} schemas in {folder.name}/schema")


if __name__ == "__main__":
    main(prog_name="python -m service.knowledge")
