"""The command `conformance URL`: check any CDS Hooks service from a terminal or a build server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from cds_hooks.conformance.caller import Answer
    from cds_hooks.conformance.ledger import Finding
    from cds_hooks.conformance.tokens import Client

NOT_CONFORMING, NOT_CHECKED = 1, 2


@click.command(
    epilog="Exit code: 0 nothing that was tried breaks a SHALL, 1 something does, 2 it could not be checked."
)
@click.argument("url")
@click.option("--service", "services", multiple=True, metavar="ID", help="Check this service only; may be repeated.")
@click.option(
    "--fhir-server", metavar="URL", help="Take the data from this FHIR server. Test patients only: it is sent."
)
@click.option("--patient", metavar="ID", help="The patient there.")
@click.option("--fhir-token", metavar="TOKEN", envvar="CDS_CONFORMANCE_FHIR_TOKEN", help="The access token for it.")
@click.option(
    "--request",
    "request_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A request of your own, sent to the services of its hook.",
)
@click.option(
    "--keys",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Our private keys, made if missing; give the service the public half (FILE.public.json) and the issuer.",
)
@click.option(
    "--issuer", help="The issuer of our JWTs, as the service knows it.  [default: https://cds-conformance.invalid]"
)
@click.option("--tenant", help="The tenant in our JWTs, if the service wants one.")
@click.option(
    "--listen",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve a synthetic FHIR server and our key set at http://127.0.0.1:PORT/fhir and /jwks.json meanwhile.",
)
@click.option("--jku", is_flag=True, help="Name that key set in our JWTs; with --listen.")
@click.option(
    "--edition", type=click.Choice(["2", "3"]), default="2", show_default=True, help="What we know as a client."
)
@click.option(
    "--origin",
    default="https://sandbox.cds-hooks.org",
    show_default=True,
    help="The browser origin that should be allowed.",
)
@click.option("--no-feedback", is_flag=True, help="Send no feedback.")
@click.option("--max-calls", default=120, show_default=True, type=click.IntRange(1, 1000))
@click.option("--seconds", default=120.0, show_default=True, type=click.FloatRange(1, 3600), help="Time for all calls.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JUnit XML, too.")
@click.option("--quiet", is_flag=True, help="Show no progress, and failures and warnings only.")
def conformance(url: str, **options: Any) -> None:
    """Check any CDS Hooks service against CDS Hooks 2.0.1.

    URL is the service's base or its discovery URL. A synthetic patient is sent unless you say otherwise.
    """
    # Loaded late: every other command would wait for it.
    from cds_hooks.conformance.caller import Unreachable
    from cds_hooks.conformance.run import Plan, check
    from cds_hooks.conformance.tokens import KeyFileError

    if bool(options["fhir_server"]) != bool(options["patient"]):
        raise click.UsageError("--fhir-server and --patient go together")
    if options["jku"] and options["listen"] is None:
        raise click.UsageError("--jku needs --listen")
    quiet = options["quiet"]
    try:
        plan = Plan(
            client=_client(options),
            fhir_server=options["fhir_server"],
            fhir_token=options["fhir_token"],
            patient=options["patient"],
            request=_request(options["request_file"]),
            services=options["services"],
            listen=options["listen"],
            jku=options["jku"],
            edition=int(options["edition"]),
            feedback=not options["no_feedback"],
            origin=options["origin"],
            max_calls=options["max_calls"],
            seconds=options["seconds"],
            told=(lambda *_: None) if quiet else _progress,
            seen=(lambda _: None) if quiet else _finding,
        )
        report = check(url, plan)
        if options["junit"]:
            options["junit"].write_text(report.as_junit(), encoding="utf-8")
    except (Unreachable, KeyFileError) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename or options['listen'] or ''}: {error.strerror or error}")
    click.echo(json.dumps(report.as_json(), indent=2) if options["as_json"] else report.as_text(everything=not quiet))
    sys.exit(0 if report.conforms else NOT_CONFORMING)


def _client(options: dict[str, Any]) -> Client | None:
    from cds_hooks.conformance.tokens import ISSUER, Client, kept_keys, public_file

    if options["keys"] is None:
        if options["issuer"] or options["tenant"]:
            raise click.UsageError("--issuer and --tenant need --keys")
        return None
    client = Client(keys=kept_keys(options["keys"]), issuer=options["issuer"] or ISSUER, tenant=options["tenant"])
    if not options["quiet"]:
        click.echo(f"We are {client.issuer}; our public keys: {public_file(options['keys'])}", err=True)
    return client


def _request(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        whole = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        _stop(f"{file}: not JSON")
    if not isinstance(whole, dict) or not isinstance(whole.get("hook"), str):
        _stop(f"{file}: not a hook request: no hook")
    if not isinstance(whole.get("context"), dict) or not isinstance(whole.get("prefetch", {}), dict):
        _stop(f"{file}: not a hook request: context, and prefetch if given, must be objects")
    return whole


def _progress(number: int, where: str, answer: Answer) -> None:
    from cds_hooks.conformance.report import printable

    click.echo(printable(f"[{number:>3}] {where}: {answer.told}, {answer.seconds * 1000:.0f} ms"), err=True)


def _finding(finding: Finding) -> None:
    from cds_hooks.conformance.report import printable
    from cds_hooks.conformance.rules import RULES

    level = RULES[finding.rule].level
    click.echo(printable(f"      {'FAIL' if level.fails else 'warn'} {finding.rule}: {finding.what}"), err=True)


def _stop(why: str) -> NoReturn:
    click.echo(f"Error: {why}", err=True)
    sys.exit(NOT_CHECKED)
