"""The launched patient's FHIR server: search, read and write with the session's token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from flask import current_app, has_app_context

from cds_hooks.outbound import Networks
from cds_hooks.servers import resolve
from service.smart.session import EXTENSION, Session
from service.smart.wire import Bearer, Nobody, guarded

Json = dict[str, Any]
PAGES = 50
"""Pages of one search that are read; a search with more is refused, never cut."""
_FHIR = "application/fhir+json"
_WORDS = {
    401: "The record system does not accept the access any more. Open the app again.",
    403: "The access that was granted does not allow this.",
    404: "The record system does not have this.",
    410: "The record system has deleted this.",
    429: "The record system is too busy. Try again in a minute.",
}


class FhirError(Exception):
    """The FHIR server did not do what was asked; the words may be shown, and hold no URL and no token."""


class Refused(FhirError):
    """The server does not allow this (401, 403), or a link leads away from it."""


class NotThere(FhirError):
    """What was asked for is not there (404, 410)."""


class NotAccepted(FhirError):
    """What was sent is not accepted (400, 409, 412, 422); `outcome` is the server's OperationOutcome, if any."""

    def __init__(self, words: str, outcome: Json | None = None) -> None:
        super().__init__(words)
        self.outcome = outcome


class Unreachable(FhirError):
    """No usable answer in time; whether a write was carried out is then not known."""


class SmartFhir:
    """Asks the session's FHIR server in the session's name; only that server is ever asked.

    `networks` are those that may be connected to; by default those of this application.
    """

    def __init__(self, session: Session, networks: Networks | None = None) -> None:
        self._session = session
        self._networks = networks or _networks(session)

    def search(self, url: str) -> Json:
        """Return a searchset Bundle with the entries of all pages; `url` is relative, `Observation?patient=…`.

        Raises `FhirError`; a search of more than fifty pages is refused.
        """
        bundle = self._page(url)
        entries, page = list(bundle.get("entry") or ()), bundle
        for _ in range(PAGES):
            following = _next(page)
            if following is None:
                kept = [link for link in bundle.get("link") or () if link.get("relation") != "next"]
                return bundle | {"entry": entries, "link": kept}
            page = self._page(following)
            entries += page.get("entry") or ()
        raise NotAccepted(f"The record system's answer has more than {PAGES} pages.")

    def read(self, reference: str) -> Json:
        """Return the resource of a reference such as `Patient/1`; raises `FhirError`."""
        return self._ask("GET", reference)

    def transaction(self, bundle: Json) -> Json:
        """Send a transaction Bundle once and return the server's answer; raises `FhirError`."""
        return self._ask("POST", "", bundle)

    def _page(self, url: str) -> Json:
        found = self._ask("GET", url)
        if found.get("resourceType") != "Bundle":
            raise Unreachable("The record system did not answer with a Bundle.")
        return found

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        base = self._session.fhir
        try:
            url = resolve(base, path) if path else base
        except ValueError:
            raise Refused("A link leads away from the record system.") from None
        token = self._session.token
        headers = {"Accept": _FHIR} | ({"Content-Type": _FHIR} if body is not None else {})
        with requests.Session() as session:
            guarded(session, self._networks)
            try:
                answer = session.request(
                    method,
                    url,
                    data=json.dumps(body) if body is not None else None,
                    headers=headers,
                    auth=Bearer(token) if token else Nobody(),
                    allow_redirects=False,
                )
            # Without its cause, whose words hold the URL.
            except requests.RequestException:
                raise Unreachable("The record system did not answer in time.") from None
        return _answered(answer)


def _answered(answer: requests.Response) -> Json:
    status = answer.status_code
    document = _document(answer)
    if status in {401, 403}:
        raise Refused(_WORDS[status])
    if status in {404, 410}:
        raise NotThere(_WORDS[status])
    if status in {400, 409, 412, 422}:
        raise NotAccepted(f"The record system did not accept this ({status}).", document)
    if not 200 <= status < 300:
        raise Unreachable(_WORDS.get(status, f"The record system answered {status}."))
    if document is None:
        raise Unreachable("The record system's answer is not JSON.")
    return document


def _document(answer: requests.Response) -> Json | None:
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _next(bundle: Json) -> str | None:
    return next((str(link["url"]) for link in bundle.get("link") or () if link.get("relation") == "next"), None)


def _networks(session: Session) -> Networks:
    if has_app_context() and EXTENSION in current_app.extensions:
        make: Callable[[str], Networks] = current_app.extensions[EXTENSION].networks
        return make(session.fhir)
    return Networks((), [session.fhir])
