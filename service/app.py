"""The one place where everything meets: settings, knowledge, services, and HTTP."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify

from cds_hooks.blueprint import blueprint
from service.consult import Consultant, UnknownProtocol, consultant
from service.fhir.client import FhirClient
from service.hooks import Desk, registry
from service.knowledge.load import load
from service.prove import prove
from service.settings import Settings, WrongSettings, from_environment


def create_app(settings: Settings, using: Consultant | None = None) -> Flask:
    """Return the WSGI application.

    Raises WrongSettings or KnowledgeError: a service that cannot be trusted does not start.
    """
    if settings.protocol is None:
        raise WrongSettings("B12_PROTOCOL is not set: name the guideline to follow, for example uk-ng239 or us-aafp")
    using = using or consultant(load(site_codes=settings.site_codes))
    try:
        using.protocol(settings.protocol)
    except UnknownProtocol as error:
        raise WrongSettings(f"B12_PROTOCOL: {error}") from error
    prove(using.book)
    # urllib3 writes request paths at DEBUG, and a path names a patient.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    app = Flask("b12_cds")
    try:
        services = registry(desk_of(settings, settings.protocol, using))
    except ValueError as error:
        raise WrongSettings(f"B12_SITE_CODES: {error}") from error
    app.register_blueprint(
        blueprint(
            services,
            fetch=FhirClient(settings.fhir_servers),
            cors_origins=settings.cors_origins,
            max_body=settings.max_body,
            fetch_seconds=settings.fetch_seconds,
        )
    )
    app.add_url_rule("/healthz", "healthz", _health)
    if settings.sandbox_fhir is not None and settings.sandbox_service is not None:
        _add_sandbox(app, settings.sandbox_fhir, settings.sandbox_service, settings.protocol, using)
    return app


def desk_of(settings: Settings, protocol: str, using: Consultant) -> Desk:
    """Return the desk that answers; only in the sandbox may a request choose its protocol."""
    return Desk(using, protocol, settings.today, may_choose=settings.sandbox_fhir is not None)


def application() -> Flask:
    """Return the application as the environment sets it, with its log: what a WSGI server loads."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("cds_hooks").setLevel(logging.INFO)
    return create_app(from_environment())


def _health() -> Response:
    return jsonify(status="ok")


def _add_sandbox(app: Flask, fhir: str, service: str, usual: str, using: Consultant) -> None:
    # The sandbox belongs to an extra that production does not install.
    from service.sandbox.blueprint import blueprint as pages
    from service.sandbox.ehr import SandboxEhr

    names = sorted(using.book.protocols, key=lambda name: name != usual)
    protocols = [(name, f"{name}: {using.book.protocols[name].title}") for name in names]
    app.register_blueprint(pages(SandboxEhr(fhir, service), protocols))
