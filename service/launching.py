"""The SMART app put together: where it is launched from and, in the demo, the EHR that launches it."""

from __future__ import annotations

from flask import Flask

from service.clients.offers import Offers
from service.memory import Memory
from service.settings import Settings
from service.smart import Routes, add_smart
from service.smart.servers import Server
from service.state import site_secret
from service.store.safe import MemoryShelf, Safe, StoredShelf


def add_launching(
    app: Flask, settings: Settings, memory: Memory | None, offers: Offers, url: str, routes: tuple[Routes, ...] = ()
) -> None:
    """Add the app with its pages at its address (B12_SMART_URL), after the pages' design.

    Raises WrongSettings where no server may launch it, KnowledgeError for the servers' file.
    """
    # In the database all workers share what is open; else a browser must come back to the same process.
    safe = Safe(StoredShelf(memory.database) if memory is not None else MemoryShelf(), site_secret(settings))
    own: tuple[Server, ...] = ()
    if settings.sandbox_fhir is not None and settings.sandbox_service is not None:
        own = (_demo(app, url, settings.sandbox_fhir, settings.sandbox_service, safe),)
    add_smart(app, settings, safe, offers, own=own, routes=routes)


def _demo(app: Flask, url: str, fhir: str, service: str, safe: Safe) -> Server:
    """Add the demo's authorization server; return it as the app knows it."""
    # The sandbox belongs to an extra that production does not install.
    from service.pages import csrf
    from service.sandbox.auth import consent, machines, own_app, sandbox

    registered = own_app(url)
    demo = app.extensions["sandbox_auth"] = sandbox(service, fhir, safe, (registered,))
    app.register_blueprint(consent(demo))
    called = machines(demo)
    csrf.exempt(called)
    app.register_blueprint(called)
    return Server(fhir=demo.authority.issuer, name="Demo EHR", client_id=registered.id)
