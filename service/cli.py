"""The command `b12-cds`: serve, demo, evaluate."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from datetime import date, datetime
from ipaddress import ip_address
from typing import IO

import click

from service.settings import WrongSettings, from_environment

SANDBOX_PROTOCOL = "us-aafp"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="b12-cds")
def main() -> None:
    """Clinical decision support for vitamin B12 deficiency."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.File("rb"))
@click.option("--protocol", help="Guideline to follow; by default the setting B12_PROTOCOL.")
@click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="Evaluate as of this day; by default today.")
@click.option("--json", "as_json", is_flag=True, help="Print the published JSON contract, one document a line.")
def evaluate(files: tuple[IO[bytes], ...], protocol: str | None, on: datetime | None, as_json: bool) -> None:
    """Evaluate Bundles or hook requests (FILE…, - for standard input)."""
    from service.consult import UnknownProtocol, consultant
    from service.evaluate import Unusable, evaluate_document
    from service.explain import explanation
    from service.fhir.reading import OtherPatient
    from service.knowledge.load import load
    from service.knowledge.strict_yaml import KnowledgeError

    failed = False
    try:
        settings = from_environment()
        name = protocol or settings.protocol
        if name is None:
            raise click.UsageError("no protocol: give --protocol or set B12_PROTOCOL (for example uk-ng239 or us-aafp)")
        using = consultant(load(site_codes=settings.site_codes))
        using.protocol(name)
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
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--insecure", is_flag=True, help="Listen beyond this machine although callers are not authenticated.")
def serve(host: str, port: int, workers: int, insecure: bool) -> None:
    """Serve CDS Hooks over HTTP."""
    from service.fhir.gate import GateError
    from service.knowledge.strict_yaml import KnowledgeError
    from service.serving import run

    if not _is_loopback(host):
        if not insecure:
            raise click.UsageError(
                f"{host} is not this machine alone, and callers are not authenticated yet. "
                "Listen on 127.0.0.1 behind a proxy that authenticates, or give --insecure."
            )
        click.echo("WARNING: --insecure: anyone who can reach this address can call the service.", err=True)
    try:
        run(host, port, workers)
    except (WrongSettings, KnowledgeError, GateError) as error:
        raise click.ClickException(str(error)) from error


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
def demo(port: int, once: bool) -> None:
    """Run the service on synthetic patients: a table here, a page at /sandbox."""
    logging.basicConfig(level=logging.ERROR)
    try:
        from service.sandbox import start
        from service.sandbox.demo import table
        from service.sandbox.ehr import SandboxEhr
        from service.sandbox.patients import patients
    except ImportError as error:
        raise click.ClickException("the sandbox is not installed: pip install 'b12-cds[sandbox]'") from error
    from service.serving import until_healthy

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = f"http://127.0.0.1:{port}"
    click.echo("Sandbox: synthetic patients only. Client authentication is OFF. No clinician has reviewed the rules.\n")
    with start(from_environment().today()) as server:
        environment = os.environ | {
            "B12_PROTOCOL": os.environ.get("B12_PROTOCOL", SANDBOX_PROTOCOL),
            "B12_FHIR_SERVERS": json.dumps([server.base]),
            "B12_SANDBOX_FHIR": server.base,
            "B12_SANDBOX_SERVICE": address,
        }
        command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--workers", "2"]
        with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - our own command line
            try:
                if not until_healthy(address, child):
                    raise click.ClickException(f"the service did not start on port {port}; is the port taken?")
                ehr = SandboxEhr(server.base, address)
                click.echo(table(ehr, patients()))
                click.echo(f"\nOpen {address}/sandbox in a browser. FHIR server: {server.base}. Ctrl-C stops both.")
                if not once:
                    child.wait()
            except KeyboardInterrupt:
                click.echo("\nStopping.")
            finally:
                child.terminate()


if __name__ == "__main__":
    main()
