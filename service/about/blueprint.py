"""`/about`, `/about.json` and `/about/knowledge`: open to everybody, for nothing in them is of a site or a patient."""

from __future__ import annotations

import logging
from importlib.metadata import version
from threading import Thread

from flask import Blueprint, Response, jsonify, render_template, request
from markupsafe import Markup

from service.about import knowledge
from service.about.document import document
from service.domain.protocol import Book
from service.knowledge.strict_yaml import KnowledgeError

log = logging.getLogger("service.about")


def about(book: Book) -> Blueprint:
    """Return the pages about a book."""
    pages = Blueprint("about", __name__, template_folder="templates")
    told = document(book, version("b12-cds"))
    warmed: list[Thread] = []

    @pages.get("/about")
    def page() -> str:
        if not warmed:
            # Whoever reads this page may open the book next, and that takes seconds to make.
            warmed.append(Thread(target=_warm, name="knowledge-book", daemon=True))
            warmed[0].start()
        return render_template("about/about.html", told=told)

    @pages.get("/about.json")
    def data() -> Response:
        return jsonify(told)

    @pages.get("/about/knowledge")
    def book_page() -> Response:
        # The renderer escapes: its html option is off.
        text = render_template("about/knowledge.html", book=Markup(knowledge.html()))  # noqa: S704
        response = Response(text, mimetype="text/html")
        if request.accept_encodings["gzip"] > 0:
            # Nothing secret is in it, no form and no session.
            response.set_data(knowledge.packed(text))
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        return response

    return pages


def _warm() -> None:
    try:
        knowledge.html()
    except KnowledgeError as error:
        log.error("no knowledge book: %s", error)
