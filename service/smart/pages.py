"""The doors of the app: launched by an EHR, opened stand-alone, the way back, the way out, and why not."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from service.clients.offers import Offers
from service.settings import Settings
from service.smart.client import FhirError
from service.smart.launches import NAME_LENGTH, Launches
from service.smart.refusals import Refusal
from service.smart.session import NoSession, Session

log = logging.getLogger("service.smart")

BROWSER, SESSION = "b12_smart_browser", "b12_smart"
"""The cookies: which browser began a launch, and which session is open; both opaque, neither readable by a script."""


class Desk:
    """Knows the session of a request, and what plans are made with; stands in `app.extensions`."""

    def __init__(self, launches: Launches, offers: Offers, settings: Settings) -> None:
        self.launches, self.networks = launches, launches.networks
        self.offers, self.settings = offers, settings

    def session(self) -> Session:
        """Return the session of this request; raises `NoSession` or a `Refusal`."""
        name = g.get("smart_launch", "")
        return self.launches.session(name, request.cookies.get(SESSION, ""))


def doors(launches: Launches) -> Blueprint:
    """Return what is at `/smart` itself: start, launch, callback, and the app's public keys."""
    blueprint = Blueprint("smart_launch", __name__, url_prefix="/smart", template_folder="templates")
    refusing(blueprint)

    @blueprint.get("")
    def start() -> str:
        """Show the servers to choose from."""
        return render_template("smart/start.html", servers=launches.servers.all)

    @blueprint.get("/launch")
    def launch() -> AnyResponse:
        """Begin what an EHR asked for: `iss` is its FHIR server, `launch` its handle."""
        return _away(launches, request.args.get("launch", ""))

    @blueprint.get("/standalone")
    def standalone() -> AnyResponse:
        """Begin without an EHR: the server lets the user choose a patient."""
        return _away(launches, None)

    @blueprint.get("/callback")
    def callback() -> AnyResponse:
        """Take the authorization server's answer."""
        opened = launches.finish(request.args, request.cookies.get(BROWSER, ""))
        response = redirect(f"{launches.path}/{opened.name}/", 303)
        _cookie(response, launches, SESSION, opened.id, f"{launches.path}/{opened.name}")
        return _kept_nowhere(response)

    @blueprint.get("/jwks.json")
    def keys() -> Response:
        """Return the public keys that this app signs by."""
        signing = [server.key for server in launches.servers.all if server.key is not None]
        return jsonify({"keys": [key.as_dict(private=False) for key in signing]})

    return blueprint


def rooms(launches: Launches) -> Blueprint:
    """Return the blueprint of the pages of one launch, each below `/smart/<its name>`; `url_for` knows the name."""
    prefix = f"/smart/<string(length={NAME_LENGTH}):launch>"
    blueprint = Blueprint("smart", __name__, url_prefix=prefix, template_folder="templates")
    refusing(blueprint)

    @blueprint.url_value_preprocessor
    def take(_: str | None, values: dict[str, Any] | None) -> None:
        g.smart_launch = (values or {}).pop("launch", "")

    @blueprint.url_defaults
    def give(_: str, values: dict[str, Any]) -> None:
        values.setdefault("launch", g.get("smart_launch", ""))

    @blueprint.post("/leave")
    def leave() -> AnyResponse:
        """End the session."""
        launches.leave(g.smart_launch, request.cookies.get(SESSION, ""))
        response = redirect(launches.path, 303)
        response.delete_cookie(SESSION, path=f"{launches.path}/{g.smart_launch}")
        return response

    return blueprint


def refusing(blueprint: Blueprint) -> None:
    """Have a blueprint show why something is refused, in words and with a way on."""

    @blueprint.errorhandler(Refusal)
    def refuse(refusal: Refusal) -> tuple[str, int]:
        kind = type(refusal).__name__
        log.warning("smart refused=%s", kind)
        return render_template("smart/refused.html", refusal=refusal, kind=kind), refusal.status

    @blueprint.errorhandler(NoSession)
    def none(_: NoSession) -> tuple[str, int]:
        return render_template("smart/none.html"), 401

    @blueprint.errorhandler(FhirError)
    def broken(error: FhirError) -> tuple[str, int]:
        return render_template("smart/broken.html", words=str(error)), 502


def _away(launches: Launches, handle: str | None) -> AnyResponse:
    browser = request.cookies.get(BROWSER, "")
    if len(browser) < NAME_LENGTH:
        browser = secrets.token_urlsafe(32)
    response = redirect(launches.begin(request.args.get("iss", ""), handle, browser), 303)
    _cookie(response, launches, BROWSER, browser, launches.path)
    return _kept_nowhere(response)


def _cookie(response: AnyResponse, launches: Launches, name: str, value: str, path: str) -> None:
    secure = launches.url.startswith("https:")
    # Lax: the way back from the authorization server comes from elsewhere, and is a plain navigation.
    response.set_cookie(name, value, path=path, httponly=True, samesite="Lax", secure=secure)


def _kept_nowhere(response: AnyResponse) -> AnyResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
