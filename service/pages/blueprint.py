"""The shared assets: Bootstrap as the package has it, our own sheet, and the page that says that something is wrong."""

from __future__ import annotations

import gzip
from functools import cache

from flask import Blueprint, Response, current_app, render_template, request, url_for

from service.pages.bootstrap import pictures, sheet

#: What the top of every page leads to, as far as this application has it.
PLACES = (
    ("Demo EHR", "sandbox.page"),
    ("SMART app", "smart_launch.start"),
    ("Insights", "insights.report"),
    ("About", "about.page"),
)
_DAY = "public, max-age=86400"

pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/assets")


@pages.get("/assets/bootstrap.css")
def bootstrap() -> Response:
    """Return Bootstrap's style sheet."""
    prefix = url_for("pages.picture", name="-").removesuffix("-.svg")
    plain, packed = _bootstrap(prefix)
    small = request.accept_encodings["gzip"] > 0
    response = Response(packed if small else plain, mimetype="text/css")
    if small:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = _DAY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@pages.get("/assets/bootstrap/<name>.svg")
def picture(name: str) -> Response:
    """Return one of the small pictures that Bootstrap's sheet uses, 404 for any other name."""
    found = pictures().get(name)
    if found is None:
        return Response("no such picture", 404, mimetype="text/plain")
    return Response(found, mimetype="image/svg+xml", headers={"Cache-Control": _DAY})


@pages.app_context_processor
def places() -> dict[str, object]:
    """Return what every template can use."""
    hidden = current_app.config.get("PAGES_HIDDEN", ())
    known = [each for each in PLACES if each[1] in current_app.view_functions and each[1] not in hidden]
    return {"places": known, "section": (request.blueprint or "-").partition("_")[0]}


def told(title: str, text: str, tone: str = "danger") -> str:
    """Return a page with one thing to say."""
    return render_template("pages/told.html", title=title, text=text, tone=tone)


@cache
def _bootstrap(prefix: str) -> tuple[bytes, bytes]:
    plain = sheet(prefix).encode()
    return plain, gzip.compress(plain, 9, mtime=0)
