"""The pages of this application, where they are installed: their secret, and which of them it has."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from flask import Flask

from service.clients.offers import Offers
from service.domain.protocol import Book
from service.evaluate import shipped
from service.memory import Memory
from service.settings import Settings, WrongSettings
from service.state import site_secret
from service.store.database import StoreError
from service.store.secret import shared_secret

log = logging.getLogger("service.pages")


def add_all_pages(app: Flask, settings: Settings, memory: Memory | None, offers: Offers) -> None:
    """Add the pages for people, where their extra is installed; raises WrongSettings."""
    if find_spec("flask_wtf") is None or find_spec("flask_bootstrap") is None:
        if settings.smart_url is not None:
            raise WrongSettings("B12_SMART_URL: the app is not installed: pip install 'b12-cds[pages]'")
        log.info("no pages: pip install 'b12-cds[pages]'")
        return
    from service.about.blueprint import about
    from service.insights.blueprint import Reports, insights
    from service.insights.door import Door
    from service.pages import add_pages

    add_pages(app, secret=_secret(settings, memory))
    app.register_blueprint(about(_book(settings, offers)))
    token = settings.insights_token.get_secret_value() if settings.insights_token else None
    reports = Reports(memory.database) if memory is not None else None
    door = Door(token, is_open=settings.sandbox_fhir is not None)
    # A door that nobody can open leads nowhere; its address still says why.
    app.config["PAGES_HIDDEN"] = ("insights.report",) if door.is_closed else ()
    app.register_blueprint(insights(reports, door))
    if settings.smart_url is not None:
        # A site without the app does not wait for what it is made of.
        from service.launching import add_launching
        from service.smart.room import furnish

        add_launching(app, settings, memory, offers, settings.smart_url, routes=(furnish,))
    elif settings.smart_servers is not None:
        raise WrongSettings("B12_SMART_URL is not set: without its address no server can launch the app")


def _book(settings: Settings, offers: Offers) -> Book:
    """Return the knowledge that answers here: the site's, where it has one protocol."""
    if settings.protocol is not None:
        return offers.consultant(settings.protocol, settings.site_codes)[0].book
    return shipped().book


def _secret(settings: Settings, memory: Memory | None) -> str | None:
    """Return what signs sessions: the setting, else what the workers share in the database, else nothing.

    With nothing each process has its own, and whoever signs in to one worker is a stranger to the next.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    if memory is None:
        log.warning(
            "each worker signs sessions by itself: set B12_SECRET_KEY, or B12_DATABASE, where there are several"
        )
        return None
    try:
        return shared_secret(memory.database, "sessions", site_secret(settings))
    except StoreError as error:
        raise WrongSettings(f"B12_DATABASE: {error}") from error
