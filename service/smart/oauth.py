"""OAuth with one server: where to send the browser, a code for a token, a token renewed (SMART App Launch 2.2)."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import msgspec
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from cds_hooks.context import FHIR_ID
from cds_hooks.outbound import Networks
from service.smart.discovery import Configuration
from service.smart.identity import user_of
from service.smart.refusals import CodeSpent, NoPatient, NoToken, ScopeNotGranted
from service.smart.scopes import missing, wanted
from service.smart.servers import Server
from service.smart.wire import guarded

# Authlib writes tokens at DEBUG.
logging.getLogger("authlib").setLevel(logging.INFO)

PROOF_SECONDS = 300
"""How long the proof of who this app is may be used, which SMART limits."""
UNSAID_SECONDS = 300
"""How long a token is used whose server does not say how long it lives."""
_TOKEN = re.compile(r"[!-~]{1,8192}")
_MAX_CONTEXT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What must be remembered from the way to the authorization server to the way back."""

    fhir: str
    state: str
    verifier: str = field(repr=False)
    scope: str
    nonce: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a token endpoint granted, read and checked."""

    token: str = field(repr=False)
    refresh: str | None = field(repr=False)
    patient: str | None
    scopes: frozenset[str]
    expires: datetime
    user: str | None = None
    app_context: Mapping[str, str] = field(default_factory=dict)
    fhir_context: tuple[str, ...] = ()


class _Context(msgspec.Struct):
    reference: str | None = None


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: float | str | None = None
    scope: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None
    patient: str | None = None
    appContext: str | None = None
    fhirContext: tuple[_Context, ...] = ()


class OAuth:
    """Speaks for this app to authorization servers; `redirect` is the app's own callback address."""

    def __init__(self, redirect: str, networks: Callable[[Server], Networks]) -> None:
        self._redirect, self._networks = redirect, networks

    def begin(self, server: Server, found: Configuration, launch: str | None) -> tuple[str, Pending]:
        """Return where the browser goes, and what to remember; `launch` is the EHR's handle, None for stand-alone.

        There is always a state and a PKCE challenge, and a nonce where it is asked who the user is.
        """
        scope = wanted(
            found.capabilities, found.scopes_supported, from_ehr=launch is not None, identity=found.identifies
        )
        pending = Pending(
            fhir=server.fhir,
            state=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            scope=scope,
            nonce=secrets.token_urlsafe(24) if found.identifies else None,
        )
        asked = {"aud": server.fhir, "scope": scope, "redirect_uri": self._redirect}
        asked |= {"launch": launch} if launch is not None else {}
        asked |= {"nonce": pending.nonce} if pending.nonce is not None else {}
        with self._client(server, found) as client:
            url, _ = client.create_authorization_url(
                found.authorization_endpoint, state=pending.state, code_verifier=pending.verifier, **asked
            )
        return str(url), pending

    def exchange(self, server: Server, found: Configuration, code: str, pending: Pending) -> Granted:
        """Return what a code is worth.

        Raises `CodeSpent`, `NoToken`, `NoPatient`, `ScopeNotGranted` or `NotIdentified`.
        """
        with self._client(server, found) as client, _told():
            answer = client.fetch_token(
                found.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=pending.verifier,
                redirect_uri=self._redirect,
                allow_redirects=False,
            )
        read = _read(answer)
        granted = _granted(read, pending.scope)
        if granted.patient is None:
            raise NoPatient
        if lacking := missing(granted.scopes):
            raise ScopeNotGranted(f"Not granted: {', '.join(lacking)}.")
        user = None
        if pending.nonce is not None and "openid" in granted.scopes:
            user = user_of(read.id_token, server, found, pending.nonce, self._networks(server))
        return replace(granted, user=user)

    def renew(self, server: Server, found: Configuration, refresh: str, scope: str) -> Granted:
        """Return a new token for a refresh token; raises `CodeSpent` or `NoToken`."""
        with self._client(server, found) as client, _told():
            # No scope is named: what was granted stays granted.
            answer = client.refresh_token(found.token_endpoint, refresh_token=refresh, allow_redirects=False)
        return _granted(_read(answer), scope)

    def revoke(self, server: Server, found: Configuration, token: str) -> None:
        """Tell the server that a token is not needed any more, where it can be told; never raises for its answer."""
        if found.revocation_endpoint is None:
            return
        try:
            with self._client(server, found) as client:
                client.revoke_token(found.revocation_endpoint, token=token, allow_redirects=False)
        except (OAuthError, requests.RequestException, ValueError):
            return

    @contextmanager
    def _client(self, server: Server, found: Configuration) -> Iterator[OAuth2Session]:
        method = "private_key_jwt" if server.key else "client_secret_basic" if server.secret else "none"
        client = OAuth2Session(
            server.client_id,
            server.key or server.secret,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            code_challenge_method="S256",
        )
        guarded(client, self._networks(server))
        if server.key is not None:
            header = {"kid": server.key.kid, "typ": "JWT"}
            lives = {"exp": int(time()) + PROOF_SECONDS}
            proof = PrivateKeyJWT(found.token_endpoint, lives, header, server.algorithm)
            client.register_client_auth_method(proof)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a token endpoint may do into a refusal, without its words and without ours."""
    try:
        yield
    except OAuthError as error:
        if error.error == "invalid_grant":
            raise CodeSpent from None
        known = error.error in {"invalid_client", "unauthorized_client", "invalid_scope", "invalid_request"}
        raise NoToken(f"It said: {error.error}." if known else "") from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise NoToken(f"It answered {status}.") from None
    except requests.RequestException:
        raise NoToken("It cannot be reached.") from None
    except (ValueError, TypeError, RecursionError):
        raise NoToken("Its answer cannot be read.") from None


def _read(answer: Mapping[str, Any]) -> _Answer:
    try:
        read = msgspec.convert(dict(answer), _Answer)
    except msgspec.ValidationError:
        raise NoToken("Its answer cannot be read.") from None
    if read.token_type.lower() != "bearer" or not _TOKEN.fullmatch(read.access_token):
        raise NoToken("It gave no bearer token.")
    if read.patient is not None and not FHIR_ID.fullmatch(read.patient):
        raise NoPatient("What it named is not an id.")
    return read


def _granted(read: _Answer, asked: str) -> Granted:
    try:
        seconds = float(read.expires_in) if read.expires_in is not None else UNSAID_SECONDS
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise NoToken("Its answer cannot be read.") from None
    return Granted(
        token=read.access_token,
        refresh=read.refresh_token,
        patient=read.patient,
        # A server that says nothing granted what was asked (RFC 6749, section 5.1).
        scopes=frozenset((read.scope if read.scope is not None else asked).split()),
        expires=expires,
        app_context=_context(read.appContext),
        fhir_context=tuple(each.reference for each in read.fhirContext if each.reference is not None),
    )


def _context(text: str | None) -> dict[str, str]:
    """Return what a card's link handed over: words under names, else nothing."""
    if text is None or len(text) > _MAX_CONTEXT:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (ValueError, RecursionError):
        return {}
