"""The one place where everything meets: settings, knowledge, services, and HTTP."""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask

from cds_hooks.blueprint import serve
from cds_hooks.door import Door
from cds_hooks.prefetch import Fetch
from service.access import Access, access
from service.backend.access import OwnTokens, add_jwks, backend, types_read
from service.clients.offers import Consultants, Offers
from service.consult import Consultant
from service.fhir.client import FhirClient
from service.health import add_health
from service.openapi import add_openapi
from service.rooms import add_all_pages
from service.settings import Settings, WrongSettings, from_environment
from service.state import memory_of, with_usual_database
from service.store.replay import StoredReplayGuard
from service.watch.logs import configure
from service.watch.watching import watching


def create_app(settings: Settings, using: Consultant | None = None, read: Consultants | None = None) -> Flask:
    """Return the WSGI application; `using` or `read` is knowledge that was read before.

    Raises WrongSettings or KnowledgeError: a service that cannot be trusted does not start.
    """
    # urllib3 writes request paths at DEBUG, and a path names a patient.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    app = Flask("b12_cds", static_folder=None)
    memory = app.extensions["memory"] = memory_of(settings)
    shared = StoredReplayGuard(memory.database) if memory is not None and settings.redis is None else None
    watched = watching(settings, memory.waiting if memory is not None else None)
    app.extensions["metrics"] = watched.metrics
    found = access(settings, using, shared, memory, watched.wraps, read)
    client = FhirClient(found.bases, private_networks=settings.private_networks)
    fetch = watched.fetch(client, client.allows)
    if settings.backend_services is not None:
        fetch = _with_own_tokens(app, settings, settings.backend_services, found, fetch)
    door = Door(
        gate=found.gate,
        take_feedback=memory.take if memory is not None else None,
        fetch=fetch,
        max_body=settings.max_body,
        fetch_seconds=settings.fetch_seconds,
    )
    serve(app, door, settings.cors_origins)
    add_health(app, found.sources, memory.is_ready if memory is not None else None, found.tokens_ready)
    limited = any(client.rate is not None for client in found.clients)
    add_openapi(app, found.clients[0].registry, settings, limited=limited, takes_feedback=memory is not None)
    add_all_pages(app, settings, memory, found.offers)
    if settings.sandbox_fhir is not None and settings.sandbox_service is not None:
        _add_sandbox(app, settings.sandbox_fhir, settings.sandbox_service, settings, found.offers)
    app.wsgi_app = watched.around(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def _with_own_tokens(app: Flask, settings: Settings, file: Path, found: Access, fetch: Fetch) -> Fetch:
    services = [service for client in found.clients for service in client.registry]
    own = backend(
        file,
        allowed=found.bases,
        types=types_read(template for service in services for template in service.prefetch),
        private_networks=settings.private_networks,
    )
    add_jwks(app, own.keys)
    return OwnTokens(fetch, own)


def application(read: Consultants | None = None) -> Flask:
    """Return the application as the environment sets it, with its log and its metrics: what a WSGI server loads."""
    settings = from_environment()
    configure(settings.log)
    app = create_app(with_usual_database(settings), read=read)
    if settings.metrics is not None:
        from service.watch.exposed import expose

        expose(app.extensions["metrics"], settings.metrics)
    return app


def _add_sandbox(app: Flask, fhir: str, service: str, settings: Settings, offers: Offers) -> None:
    # The sandbox belongs to an extra that production does not install.
    from service.sandbox.blueprint import blueprint as pages
    from service.sandbox.ehr import SandboxEhr
    from service.sandbox.formulary import formulary

    if settings.protocol is None:
        raise WrongSettings("B12_PROTOCOL is not set: the sandbox follows one guideline")
    using, usual = offers.consultant(settings.protocol, settings.site_codes)
    names = sorted(using.book.protocols, key=lambda name: name != usual)
    protocols = [(name, f"{name}: {using.book.protocols[name].title}") for name in names]
    app.register_blueprint(pages(SandboxEhr(fhir, service), protocols, formulary(using.book)))
