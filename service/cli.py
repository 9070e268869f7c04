"""The command `b12-cds`: serve, demo, evaluate, explain."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import date, datetime
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import click

from cds_hooks.conformance.command import conformance
from service.db_cli import audit, db
from service.insights.cli import insights
from service.keys_cli import keys
from service.protocol_cli import protocol
from service.settings import WrongSettings, from_environment

SANDBOX_PROTOCOL = "us-aafp"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="b12-cds")
def main() -> None:
    """Clinical decision support for vitamin B12 deficiency."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.File("rb"))
@click.option("--protocol", help="Guideline to follow, or a file of your own; by default the setting B12_PROTOCOL.")
@click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="Evaluate as of this day; by default today.")
@click.option("--json", "as_json", is_flag=True, help="Print the published JSON contract, one document a line.")
def evaluate(files: tuple[IO[bytes], ...], protocol: str | None, on: datetime | None, as_json: bool) -> None:
    """Evaluate Bundles or hook requests (FILE…, - for standard input)."""
    from service.consult import UnknownProtocol, following
    from service.evaluate import Unusable, evaluate_document
    from service.fhir.reading import OtherPatient
    from service.knowledge.strict_yaml import KnowledgeError
    from service.plain_text import explanation

    failed = False
    try:
        settings = from_environment()
        name = protocol or settings.protocol
        if name is None:
            raise click.UsageError("no protocol: give --protocol or set B12_PROTOCOL (for example uk-ng239 or us-aafp)")
        using, name = following(name, settings.site_codes)
        day: date = on.date() if on else settings.today()
        for file in files:
            try:
                answer = evaluate_document(file.read(), protocol=name, today=day, using=using)
            except (Unusable, OtherPatient) as error:
                click.echo(f"{file.name}: {error}", err=True)
                failed = True
                continue
            click.echo(json.dumps(answer) if as_json else explanation(file.name, answer))
    except (WrongSettings, UnknownProtocol, KnowledgeError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option("--protocol", help="Guideline to follow, or a file of your own; by default the setting B12_PROTOCOL.")
@click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="Explain as of this day; by default today.")
@click.option("--json", "as_json", is_flag=True, help="Print the trace as JSON, as schema/explain.schema.json says.")
def explain(file: IO[bytes], protocol: str | None, on: datetime | None, as_json: bool) -> None:
    """Explain one answer: every rule tried, what it saw, what it rests on (FILE, - for standard input)."""
    from service.consult import UnknownProtocol
    from service.evaluate import Unusable
    from service.explanation.command import explained
    from service.fhir.reading import OtherPatient
    from service.knowledge.strict_yaml import KnowledgeError

    try:
        click.echo(explained(file.read(), protocol, on.date() if on else None, as_json=as_json))
    except (Unusable, OtherPatient) as error:
        raise click.ClickException(f"{file.name}: {error}") from error
    except (WrongSettings, UnknownProtocol, KnowledgeError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--insecure", is_flag=True, help="Listen beyond this machine with authentication off.")
def serve(host: str, port: int, workers: int, insecure: bool) -> None:
    """Serve CDS Hooks over HTTP."""
    from service.fhir.gate import GateError
    from service.knowledge.strict_yaml import KnowledgeError
    from service.serving import run

    try:
        settings = from_environment()
        if settings.authentication == "off":
            click.echo("WARNING: client authentication is OFF (B12_AUTHENTICATION).", err=True)
            _refuse_strangers(host, insecure)
        elif workers > 1 and settings.redis is None and settings.database == "none":
            click.echo("WARNING: each worker remembers used tokens by itself: set B12_DATABASE or B12_REDIS.", err=True)
        run(host, port, workers)
    except (WrongSettings, KnowledgeError, GateError) as error:
        raise click.ClickException(str(error)) from error


def _refuse_strangers(host: str, insecure: bool) -> None:
    """Refuse to listen beyond this machine where nobody is asked who they are, unless told to."""
    if _is_loopback(host):
        return
    if not insecure:
        raise click.UsageError(
            f"{host} is not this machine alone, and callers are not authenticated. "
            "Take out B12_AUTHENTICATION=off, listen on 127.0.0.1, or give --insecure."
        )
    click.echo("WARNING: --insecure: anyone who can reach this address can call the service.", err=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--once", is_flag=True, help="Print the table and stop.")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="Charts of your own instead of the synthetic patients: a folder of FHIR R4 Bundles, resources and NDJSON.",
)
def demo(port: int, once: bool, data: Path | None) -> None:
    """Run the service on synthetic patients: a table here, a page at /sandbox."""
    logging.basicConfig(level=logging.ERROR)
    try:
        from service.insights.demo_history import fill_file
        from service.sandbox import start
        from service.sandbox.demo import some, table, tell
        from service.sandbox.ehr import SandboxEhr
        from service.sandbox.loading import NothingToLoad
    except ImportError as error:
        raise click.ClickException("the sandbox is not installed: pip install 'b12-cds[sandbox]'") from error
    from service.serving import until_healthy

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = f"http://127.0.0.1:{port}"
    click.secho("CLIENT AUTHENTICATION IS OFF: anyone who can reach this service may call it.", bold=True, fg="red")
    whose = "synthetic patients only" if data is None else f"the charts of {data}"
    click.echo(f"Sandbox: {whose}. No clinician has reviewed the rules.\n")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(start(from_environment().today(), data, tell))
        except NothingToLoad as error:
            raise click.ClickException(str(error)) from error
        kept = stack.enter_context(TemporaryDirectory(prefix="b12-cds-"))
        environment = os.environ | {
            "B12_PROTOCOL": os.environ.get("B12_PROTOCOL", SANDBOX_PROTOCOL),
            "B12_LOG": os.environ.get("B12_LOG", "text"),
            "B12_AUTHENTICATION": "off",
            "B12_DATABASE": f"{kept}/state.sqlite3",
            "B12_PROFILE": "sandbox",
            "B12_FHIR_SERVERS": json.dumps([server.base]),
            "B12_SANDBOX_FHIR": server.base,
            "B12_SANDBOX_SERVICE": address,
            "B12_SMART_URL": f"{address}/smart",
        }
        command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--workers", "2"]
        with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - our own command line
            try:
                if not until_healthy(address, child):
                    raise click.ClickException(f"the service did not start on port {port}; is the port taken?")
                ehr = SandboxEhr(server.base, address)
                click.echo(table(ehr, some(ehr)))
                click.echo(f"\nOpen {address}/sandbox in a browser. FHIR server: {server.base}. Ctrl-C stops both.")
                if not once:
                    # Behind the first page, which does not wait for it.
                    fill_file(environment["B12_DATABASE"], environment["B12_PROTOCOL"])
                    child.wait()
            except KeyboardInterrupt:
                click.echo("\nStopping.")
            finally:
                child.terminate()


main.add_command(conformance)
main.add_command(protocol)
main.add_command(db)
main.add_command(keys)
main.add_command(audit)
main.add_command(insights)

if __name__ == "__main__":
    main()
