"""The SMART on FHIR app: launched from a card or stand-alone, it shows one patient's story and writes the plan."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask

from cds_hooks.outbound import Networks
from service.clients.offers import Offers
from service.settings import Settings, WrongSettings
from service.smart.launches import Launches
from service.smart.pages import Desk, doors, rooms
from service.smart.servers import Server, Servers, servers_in
from service.smart.session import EXTENSION
from service.store.safe import Safe

Routes = Callable[[Blueprint], None]
"""Adds pages to the blueprint of one launch."""


def add_smart(
    app: Flask,
    settings: Settings,
    safe: Safe,
    offers: Offers,
    *,
    own: tuple[Server, ...] = (),
    routes: tuple[Routes, ...] = (),
) -> None:
    """Add the app at the address of the settings: its doors, and the pages that `routes` add for each launch.

    `own` are servers beside those of B12_SMART_SERVERS.

    Raises WrongSettings where no server may launch it, and KnowledgeError for the servers' file.
    """
    assert settings.smart_url is not None
    listed = servers_in(settings.smart_servers) if settings.smart_servers is not None else ()
    if not listed and not own:
        raise WrongSettings("B12_SMART_SERVERS is not set: name the file of the servers that may launch the app")

    def networks(fhir: str) -> Networks:
        return Networks(settings.private_networks, [fhir])

    launches = Launches(Servers((*own, *listed)), settings.smart_url, safe, networks)
    app.extensions[EXTENSION] = Desk(launches, offers, settings)
    app.register_blueprint(doors(launches))
    room = rooms(launches)
    for add in routes:
        add(room)
    app.register_blueprint(room)
