"""One FHIR server's access token: asked for with a signed assertion, kept until shortly before its end.

SMART App Launch 2.2, Backend Services; RFC 7523. The token and the assertion are in no log and no message.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic, time
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from cds_hooks.outbound import GuardedAdapter, Networks
from cds_hooks.prefetch import FetchFailed
from cds_hooks.servers import Address
from service.backend.keys import OwnKeys

log = logging.getLogger("service.backend")

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 240
"""How long an assertion is good; five minutes are the most that may be."""
EARLY = 30.0
"""Seconds before its end in which a token is not used any more, or half of its time where that is less."""
USUAL_SECONDS = 60.0
"""How long a token is used whose end is not told."""
RETRY = 5.0
"""Seconds in which a server that gave no token is not asked again."""
DISCOVERY_SECONDS = 600.0
CONNECT_SECONDS = 1.0
_MAX_BYTES = 64 * 1024
_TOKEN = re.compile(r"[!-~]+")
_LATE = "no access token could be had in time"

Read = TypeVar("Read")


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: float | None = None


class _Configuration(msgspec.Struct):
    token_endpoint: str


class NoToken(Exception):
    """No token was given; the words are of ours and hold nothing that was said."""


@dataclass(slots=True, kw_only=True)
class TokenSource:
    """Our access to one FHIR server; safe to share among threads, which wait for one request together."""

    fhir_server: str
    client_id: str
    scopes: tuple[str, ...]
    keys: OwnKeys = field(repr=False)
    networks: Networks = field(repr=False)
    token_url: str | None = None
    algorithm: str | None = None
    clock: Callable[[], float] = field(default=monotonic, repr=False)
    _token: str | None = field(default=None, repr=False)
    _until: float = 0.0
    _rests_until: float = 0.0
    _found: str | None = None
    _found_until: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def token(self, deadline: float) -> str:
        """Return a token that is good now; raises `FetchFailed` when none can be had before the deadline."""
        token = self._token
        if token is not None and self.clock() < self._until:
            return token
        if not self._lock.acquire(timeout=max(0.0, deadline - monotonic())):
            raise FetchFailed(_LATE)
        try:
            # Whoever waited finds what the one request brought.
            if self._token is None or self.clock() >= self._until:
                self._renew(deadline)
            assert self._token is not None
            return self._token
        finally:
            self._lock.release()

    def refused(self, token: str) -> None:
        """Forget a token that the FHIR server did not take."""
        if self._token == token:
            self._token = None

    def _renew(self, deadline: float) -> None:
        if self.clock() < self._rests_until:
            raise FetchFailed("no access token was given a moment ago")
        try:
            answer = self._ask(deadline)
        except NoToken as failed:
            # What was discovered may be what is wrong.
            self._rests_until, self._found_until = self.clock() + RETRY, 0.0
            log.warning("token server=%s failed=%s", Address.parse(self.fhir_server).host, failed)
            raise FetchFailed(f"no access token: {failed}") from None
        lasts = answer.expires_in if answer.expires_in is not None else USUAL_SECONDS
        self._token, self._until = answer.access_token, self.clock() + max(lasts - EARLY, lasts / 2)

    def _ask(self, deadline: float) -> _Answer:
        with requests.Session() as session:
            adapter = GuardedAdapter(self.networks)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            url = self.token_url or self._discovered(session, deadline)
            form = {
                "grant_type": "client_credentials",
                "scope": " ".join(self.scopes),
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion(url),
            }
            answer = _sent(session, "POST", url, _Answer, deadline, data=form)
        if answer.token_type.lower() != "bearer" or not _TOKEN.fullmatch(answer.access_token):
            raise NoToken("what was given is no bearer token")
        return answer

    def _discovered(self, session: requests.Session, deadline: float) -> str:
        if self._found is None or self.clock() >= self._found_until:
            url = f"{self.fhir_server.rstrip('/')}/.well-known/smart-configuration"
            found = _sent(session, "GET", url, _Configuration, deadline).token_endpoint
            _check(found, self.fhir_server)
            self._found, self._found_until = found, self.clock() + DISCOVERY_SECONDS
        return self._found

    def _assertion(self, audience: str) -> str:
        key = self.keys.signing(self.algorithm)
        if key is None:
            raise NoToken(f"there is no key for {self.algorithm}")
        public = key.as_dict(private=False)
        now = int(time())
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": str(uuid4()),
        }
        header = {"alg": public["alg"], "kid": public["kid"], "typ": "JWT"}
        try:
            return jwt.encode(header, claims, key, algorithms=[str(public["alg"])])
        except (JoseError, ValueError):
            raise NoToken("our key cannot sign") from None


def _sent(
    session: requests.Session,
    method: str,
    url: str,
    shape: type[Read],
    deadline: float,
    data: Mapping[str, str] | None = None,
) -> Read:
    """Return what a server answers, in its shape; raises NoToken."""
    left = deadline - monotonic()
    if left <= 0:
        raise FetchFailed(_LATE)
    try:
        with session.request(
            method,
            url,
            data=data,
            headers={"Accept": "application/json"},
            auth=_Nobody(),
            timeout=(min(CONNECT_SECONDS, left), left),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code != 200:
                raise NoToken(f"the authorization server answered {answer.status_code}")
            body = answer.raw.read(_MAX_BYTES, decode_content=True)
    except (requests.RequestException, HTTPError, OSError) as failed:
        raise NoToken(f"the authorization server cannot be reached ({type(failed).__name__})") from None
    try:
        return msgspec.json.decode(body, type=shape)
    except (ValueError, RecursionError):
        raise NoToken("the authorization server's answer cannot be read") from None


def _check(token_url: str, fhir_server: str) -> None:
    try:
        found, own = Address.parse(token_url), Address.parse(fhir_server)
    except ValueError:
        raise NoToken("the token endpoint is no address") from None
    if found.scheme != "https" and (found.scheme, found.host) != (own.scheme, own.host):
        raise NoToken("the token endpoint is not https")


class _Nobody(AuthBase):
    """No credentials, given so that a .netrc file is not asked for some."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request
