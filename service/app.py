"""The one place where everything meets: settings, knowledge, services, and HTTP."""

from __future__ import annotations

import logging

from flask import Flask

from cds_hooks.blueprint import blueprint
from service.access import access
from service.clients.offers import Offers
from service.consult import Consultant
from service.fhir.client import FhirClient
from service.health import add_health
from service.openapi import add_openapi
from service.settings import Settings, WrongSettings, from_environment
from service.state import memory_of, with_usual_database
from service.store.replay import StoredReplayGuard


def create_app(settings: Settings, using: Consultant | None = None) -> Flask:
    """Return the WSGI application.

    Raises WrongSettings or KnowledgeError: a service that cannot be trusted does not start.
    """
    # urllib3 writes request paths at DEBUG, and a path names a patient.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    app = Flask("b12_cds", static_folder=None)
    memory = app.extensions["memory"] = memory_of(settings)
    shared = StoredReplayGuard(memory.database) if memory is not None and settings.redis is None else None
    found = access(settings, using, shared, memory)
    app.register_blueprint(
        blueprint(
            found.clients[0].registry,
            gate=found.gate,
            take_feedback=memory.take if memory is not None else None,
            fetch=FhirClient(found.bases, private_networks=settings.private_networks),
            cors_origins=settings.cors_origins,
            max_body=settings.max_body,
            fetch_seconds=settings.fetch_seconds,
        )
    )
    add_health(app, found.sources, memory.is_ready if memory is not None else None)
    limited = any(client.rate is not None for client in found.clients)
    add_openapi(app, found.clients[0].registry, settings, limited=limited, takes_feedback=memory is not None)
    if settings.sandbox_fhir is not None and settings.sandbox_service is not None:
        _add_sandbox(app, settings.sandbox_fhir, settings.sandbox_service, settings, found.offers)
    return app


def application() -> Flask:
    """Return the application as the environment sets it, with its log: what a WSGI server loads."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("cds_hooks").setLevel(logging.INFO)
    return create_app(with_usual_database(from_environment()))


def _add_sandbox(app: Flask, fhir: str, service: str, settings: Settings, offers: Offers) -> None:
    # The sandbox belongs to an extra that production does not install.
    from service.sandbox.blueprint import blueprint as pages
    from service.sandbox.ehr import SandboxEhr

    if settings.protocol is None:
        raise WrongSettings("B12_PROTOCOL is not set: the sandbox follows one guideline")
    using, usual = offers.consultant(settings.protocol, settings.site_codes)
    names = sorted(using.book.protocols, key=lambda name: name != usual)
    protocols = [(name, f"{name}: {using.book.protocols[name].title}") for name in names]
    app.register_blueprint(pages(SandboxEhr(fhir, service), protocols))
