"""`b12-cds insights`: the report as JSON or CSV."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import click

from service.settings import WrongSettings, from_environment


@click.command()
@click.option("--json", "form", flag_value="json", default=True, help="One JSON document (the usual).")
@click.option("--csv", "form", flag_value="csv", help="One line a number.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The report as of this day; by default today (UTC).")
def insights(form: str, until: datetime | None) -> None:
    """Report how often cards were shown, what was answered, how fast, and what is out of control (B12_DATABASE).

    The last 28 whole days are judged by the 28 before them.
    """
    from service.insights.export import as_csv, as_json
    from service.insights.reading import history
    from service.insights.report import report, span
    from service.state import database_of
    from service.store.database import StoreError
    from service.store.migrate import require

    day: date = until.date() if until else datetime.now(UTC).date()
    try:
        database = database_of(from_environment())
        try:
            require(database)
            told = report(history(database, *span(day)))
        finally:
            database.close()
    except (WrongSettings, StoreError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(as_csv(told) if form == "csv" else json.dumps(as_json(told), indent=2), nl=form != "csv")
