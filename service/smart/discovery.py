"""What a server says of itself: `.well-known/smart-configuration` (SMART App Launch 2.2, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import msgspec
import requests

from cds_hooks.outbound import Networks
from cds_hooks.servers import Address
from service.smart.refusals import NoDiscovery, NoPkce
from service.smart.servers import Server
from service.smart.wire import Nobody, guarded

FRESH = 600.0
"""Seconds in which what was read is not read again."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a SMART configuration that is used."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str | None = None
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    capabilities: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False

    @property
    def identifies(self) -> bool:
        """Return whether it can be asked who the user is, and the answer verified."""
        says = "sso-openid-connect" in self.capabilities or "openid" in self.scopes_supported
        return says and self.issuer is not None and self.jwks_uri is not None


_DECODER = msgspec.json.Decoder(Configuration)


class Discovery:
    """Reads configurations and keeps each for ten minutes; safe to share among threads."""

    def __init__(self, networks: Callable[[Server], Networks], clock: Callable[[], float] = monotonic) -> None:
        self._networks, self._clock = networks, clock
        self._known: dict[str, tuple[Configuration, float]] = {}

    def of(self, server: Server) -> Configuration:
        """Return a server's configuration.

        Raises `NoDiscovery` where there is none that can be used, and `NoPkce` where it leaves S256 out.
        """
        found, read = self._known.get(server.fhir, (None, 0.0))
        if found is None or self._clock() - read > FRESH:
            found = self._read(server)
            self._known[server.fhir] = (found, self._clock())
        return found

    def _read(self, server: Server) -> Configuration:
        with requests.Session() as session:
            guarded(session, self._networks(server))
            try:
                answer = session.get(
                    f"{server.fhir}/.well-known/smart-configuration",
                    headers={"Accept": "application/json"},
                    auth=Nobody(),
                    allow_redirects=False,
                )
                if answer.status_code != 200:
                    raise NoDiscovery(f"It answered {answer.status_code}.")
                found = _DECODER.decode(answer.content)
            except requests.RequestException:
                raise NoDiscovery("It cannot be reached.") from None
            except (ValueError, RecursionError):
                raise NoDiscovery("What it says is not a SMART configuration.") from None
        _check(found, server)
        return found


def _check(found: Configuration, server: Server) -> None:
    own = Address.parse(server.fhir)
    for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.revocation_endpoint):
        try:
            address = Address.parse((url or server.fhir).partition("?")[0])
        except ValueError:
            raise NoDiscovery("One of its addresses is none.") from None
        if address.scheme != "https" and (address.scheme, address.host) != (own.scheme, own.host):
            raise NoDiscovery("One of its addresses is not https.")
    methods = found.code_challenge_methods_supported
    # Servers of SMART 1 do not say; they are sent the challenge all the same.
    if methods is not None and "S256" not in methods:
        raise NoPkce
