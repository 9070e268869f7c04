"""A launch from its beginning to its session, and the session until its end; the browser holds opaque ids only.

What must be remembered lies in a safe under ids that only the browser knows. Each launch has an address of its own
(`/smart/<name>/`), to which its cookie belongs: a second patient in a second tab is a second session, and neither
can take the other's place.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cds_hooks.outbound import Networks
from service.smart.discovery import Configuration, Discovery
from service.smart.oauth import Granted, OAuth, Pending
from service.smart.refusals import (
    CodeSpent,
    NotKept,
    NoToken,
    OtherPatient,
    Refusal,
    ServerSaidNo,
    UnknownServer,
    WrongIssuer,
    WrongState,
)
from service.smart.servers import Server, Servers
from service.smart.session import NoSession, Session
from service.store.database import StoreError
from service.store.safe import Safe

log = logging.getLogger("service.smart")

PENDING = timedelta(minutes=10)
"""How long a sign-in may take."""
LONGEST = timedelta(hours=8)
"""How long a session may last, however often its token is renewed."""
EARLY = timedelta(seconds=60)
"""A token is renewed when it has less than this left."""
NAME_LENGTH = 22
_KNOWN_ERRORS = frozenset(
    {
        "access_denied",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that began: its name, which is in the address, and its id, which is in the cookie alone."""

    name: str
    id: str = field(repr=False)


class Launches:
    """All launches of this app; `url` is its own address as browsers know it, such as `https://cds.example/smart`."""

    def __init__(
        self,
        servers: Servers,
        url: str,
        safe: Safe,
        networks: Callable[[str], Networks],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.servers, self.url, self.networks = servers, url.rstrip("/"), networks
        self._safe, self._clock = safe, clock

        def reachable(server: Server) -> Networks:
            return networks(server.fhir)

        self._discovery = Discovery(reachable)
        self._oauth = OAuth(f"{self.url}/callback", reachable)

    @property
    def path(self) -> str:
        """Return the path of the app's address, to which its cookies belong."""
        return urlsplit(self.url).path

    def begin(self, iss: str, launch: str | None, browser: str) -> str:
        """Return where a browser goes to sign in; `launch` is the EHR's handle, None for stand-alone.

        Raises `UnknownServer`, `NoDiscovery`, `NoPkce` or `NotKept`.
        """
        server = self._server(iss)
        url, pending = self._oauth.begin(server, self._discovery.of(server), launch)
        self._put("launch", f"{pending.state} {browser}", asdict(pending), self._clock() + PENDING)
        return url

    def finish(self, answer: Mapping[str, str], browser: str) -> Opened:
        """Return the session for an authorization server's answer; an answer is looked at once.

        Raises a `Refusal`.
        """
        kept = self._safe_take("launch", f"{answer.get('state', '')} {browser}") if browser else None
        if kept is None:
            raise WrongState
        pending = Pending(**kept)
        server = self._server(pending.fhir)
        found = self._discovery.of(server)
        _check_issuer(answer.get("iss"), server, found)
        if "error" in answer:
            error = answer["error"]
            raise ServerSaidNo(f"It said: {error}." if error in _KNOWN_ERRORS else "")
        if not answer.get("code"):
            raise NoToken("It gave no code.")
        granted = self._oauth.exchange(server, found, answer["code"], pending)
        meant = granted.app_context.get("patient")
        if meant is not None and meant != granted.patient:
            self._oauth.revoke(server, found, granted.token)
            raise OtherPatient
        return self._open(server, granted)

    def session(self, name: str, key: str) -> Session:
        """Return the session of a name and an id, its token renewed when that is due.

        Raises `NoSession` when there is none or it is over, `OtherPatient` when it was renewed for another patient,
        and `NotKept`.
        """
        kept = self._kept(name, key)
        if self._due(kept) and kept["refresh"] is not None:
            kept = self._renewed(name, key, kept)
        if datetime.fromisoformat(kept["expires"]) <= self._clock():
            self._safe_take("session", key)
            raise NoSession
        return _session(kept)

    def leave(self, name: str, key: str) -> None:
        """End a session and, where the server can be told, its token; raises `NotKept`."""
        kept = self._safe_take("session", key) if key else None
        server = self.servers.find(kept["fhir"]) if kept is not None and kept["name"] == name else None
        if kept is None or server is None:
            return
        try:
            self._oauth.revoke(server, self._discovery.of(server), kept["refresh"] or kept["token"])
        except Refusal:
            return

    def _open(self, server: Server, granted: Granted) -> Opened:
        opened = Opened(secrets.token_urlsafe(16), secrets.token_urlsafe(32))
        ends = self._clock() + LONGEST
        kept = {
            "name": opened.name,
            "fhir": server.fhir,
            "patient": granted.patient,
            "user": granted.user,
            "app_context": dict(granted.app_context),
            "fhir_context": list(granted.fhir_context),
            "ends": ends.isoformat(),
            **_access(granted, ends),
        }
        self._put("session", opened.id, kept, ends)
        log.info("smart opened server=%s", server.name)
        return opened

    def _kept(self, name: str, key: str) -> dict[str, Any]:
        try:
            kept = self._safe.get("session", key) if key else None
        except StoreError:
            raise NotKept from None
        if kept is None or kept["name"] != name:
            raise NoSession
        return kept

    def _due(self, kept: Mapping[str, Any]) -> bool:
        return datetime.fromisoformat(kept["expires"]) - EARLY <= self._clock()

    def _renewed(self, name: str, key: str, kept: dict[str, Any]) -> dict[str, Any]:
        server = self._server(kept["fhir"])
        try:
            granted = self._oauth.renew(server, self._discovery.of(server), kept["refresh"], " ".join(kept["scopes"]))
        except (CodeSpent, NoToken):
            # Another worker may have been first; else what is left of the token is used up.
            return self._kept(name, key)
        if granted.patient is not None and granted.patient != kept["patient"]:
            self._safe_take("session", key)
            raise OtherPatient
        ends = datetime.fromisoformat(kept["ends"])
        fresh = kept | _access(granted, ends)
        fresh["scopes"] = sorted(granted.scopes & frozenset(kept["scopes"]))
        fresh["refresh"] = granted.refresh or kept["refresh"]
        self._put("session", key, fresh, ends)
        return fresh

    def _server(self, iss: str) -> Server:
        server = self.servers.find(iss)
        if server is None:
            raise UnknownServer
        return server

    def _put(self, kind: str, key: str, content: dict[str, Any], until: datetime) -> None:
        try:
            self._safe.put(kind, key, content, until)
        except StoreError:
            raise NotKept from None

    def _safe_take(self, kind: str, key: str) -> dict[str, Any] | None:
        try:
            return self._safe.take(kind, key)
        except StoreError:
            raise NotKept from None


def _access(granted: Granted, ends: datetime) -> dict[str, Any]:
    return {
        "token": granted.token,
        "refresh": granted.refresh,
        "scopes": sorted(granted.scopes),
        "expires": min(granted.expires, ends).isoformat(),
    }


def _session(kept: Mapping[str, Any]) -> Session:
    return Session(
        fhir=kept["fhir"],
        patient=kept["patient"],
        user=kept["user"],
        scopes=frozenset(kept["scopes"]),
        app_context=kept["app_context"],
        expires=datetime.fromisoformat(kept["expires"]),
        fhir_context=tuple(kept["fhir_context"]),
        token=kept["token"],
    )


def _check_issuer(named: str | None, server: Server, found: Configuration) -> None:
    """Refuse an answer of another authorization server than the one that was asked (RFC 9207)."""
    if named is None:
        if found.authorization_response_iss_parameter_supported:
            raise WrongIssuer
        return
    if named != (found.issuer or server.fhir):
        raise WrongIssuer
