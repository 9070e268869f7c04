"""The demo EHR and the app on one loopback server, and a browser without a screen that walks through them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from flask import Blueprint, Flask, jsonify
from werkzeug.serving import make_server

from service.clients.offers import Offers
from service.pages import add_pages, csrf
from service.sandbox.auth import Sandbox, consent, machines, own_app, sandbox
from service.sandbox.auth_grants import App
from service.settings import Settings
from service.smart import add_smart
from service.smart.client import SmartFhir
from service.smart.servers import Server
from service.smart.session import current
from service.store.safe import MemoryShelf, Safe


@dataclass
class House:
    """Everything at one address."""

    base: str
    demo: Sandbox
    safe: Safe
    app: Flask

    @property
    def fhir(self) -> str:
        return self.demo.authority.issuer

    @property
    def smart(self) -> str:
        return f"{self.base}/smart"


@contextmanager
def house(fhir: str, *, apps: tuple[App, ...] = (), own: tuple[Server, ...] = (), **given: Any) -> Iterator[House]:
    """Run the app and the EHR; `apps` and `own` register the app in another way than the demo does."""
    app = Flask("smart_test")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    base = f"http://127.0.0.1:{server.server_port}"
    safe = Safe(MemoryShelf())
    settings = Settings(smart_url=f"{base}/smart", database="none", **given)
    add_pages(app, secret="a secret of these tests")
    registered = own_app(f"{base}/smart")
    demo = sandbox(base, fhir, safe, tuple(at(each, registered) for each in apps) or (registered,))
    app.register_blueprint(consent(demo))
    called = machines(demo)
    csrf.exempt(called)
    app.register_blueprint(called)
    known = own or (Server(fhir=demo.authority.issuer, name="Demo EHR", client_id=registered.id),)
    known = tuple(server_at(each, demo.authority.issuer) for each in known)
    add_smart(app, settings, safe, Offers(settings.today), own=known, routes=(probes,))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield House(base, demo, safe, app)
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def at(app: App, registered: App) -> App:
    return App(
        id=registered.id,
        name=app.name,
        redirect=registered.redirect,
        launch=registered.launch,
        secret=app.secret,
        keys=app.keys,
    )


def server_at(server: Server, fhir: str) -> Server:
    fields = {name: getattr(server, name) for name in ("name", "client_id", "secret", "key")}
    return Server(fhir=server.fhir or fhir, **fields)


def probes(room: Blueprint) -> None:
    """Pages that show what a real page would know."""

    @room.get("/")
    def who() -> Any:
        session = current()
        return jsonify(
            fhir=session.fhir,
            patient=session.patient,
            user=session.user,
            scopes=sorted(session.scopes),
            context=dict(session.app_context),
            expires=session.expires.isoformat(),
            token=bool(session.token),
        )

    @room.get("/read/<path:reference>")
    def read(reference: str) -> Any:
        return jsonify(SmartFhir(current()).read(reference))


class Page(HTMLParser):
    """A page's text and its form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.action, self.fields, self.ticked = "", "", {}, []
        self.feed(html)

    action: str
    fields: dict[str, str]
    ticked: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given.get("action") or ""
        if tag == "input" and given.get("type") == "hidden":
            self.fields[str(given["name"])] = given.get("value") or ""
        if tag == "input" and given.get("type") == "checkbox":
            self.ticked.append(given.get("value") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@dataclass
class Browser:
    """Follows redirects and remembers every address it was sent to."""

    went: list[str] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, url: str) -> requests.Response:
        return self._follow(self.session.get(url, allow_redirects=False, timeout=20))

    def post(self, url: str, data: Any) -> requests.Response:
        return self._follow(self.session.post(url, data=data, allow_redirects=False, timeout=20))

    def allow(self, page: requests.Response, decision: str = "allow", **more: Any) -> requests.Response:
        """Decide at the consent page; `without` are scopes that are not ticked."""
        assert page.status_code == 200, page.text
        read = Page(page.text)
        without = more.pop("without", ())
        allowed = [scope for scope in read.ticked if scope not in without]
        fields = {**read.fields, "decision": decision, "allowed": allowed, **more}
        return self.post(urljoin(page.url, read.action), fields)

    def _follow(self, answer: requests.Response) -> requests.Response:
        for _ in range(10):
            self.went.append(answer.url)
            if not answer.is_redirect:
                return answer
            answer = self.session.get(
                urljoin(answer.url, answer.headers["Location"]), allow_redirects=False, timeout=20
            )
        raise AssertionError("redirected without end")


def launched(there: House, patient: str, context: str | None = None) -> tuple[Browser, requests.Response]:
    """Open the app from the EHR for a patient, as far as the consent page."""
    browser = Browser()
    return browser, browser.get(there.demo.launch(f"{there.smart}/launch", patient, context))


def asked(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def text(page: requests.Response) -> str:
    return " ".join(Page(page.text).text.split())


def standalone_at(there: House, fhir: str) -> requests.Response:
    return Browser().get(f"{there.smart}/standalone?iss={fhir}")
