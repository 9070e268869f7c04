"""A launch from a server that is not there: what it says is written by the test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import responses
from joserfc import jwt
from joserfc.jwk import ECKey

from cds_hooks.outbound import Networks
from service.smart.launches import Launches, Opened
from service.smart.servers import Server, Servers
from service.store.safe import MemoryShelf, Safe

from .kit import asked

FHIR = "https://ehr.example/fhir"
ISSUER = "https://auth.example"
TOKEN = f"{ISSUER}/token"
BROWSER = "b" * 43
KEY = ECKey.generate_key("P-384", {"kid": "one", "use": "sig", "alg": "ES384"})
CONFIGURATION = {
    "issuer": ISSUER,
    "jwks_uri": f"{ISSUER}/jwks.json",
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": TOKEN,
    "capabilities": ["launch-ehr", "sso-openid-connect", "permission-v2", "context-ehr-patient"],
    "code_challenge_methods_supported": ["S256"],
}
GRANTED = {
    "access_token": "secret-token",
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "launch patient/*.rs",
    "patient": "p1",
}


@dataclass
class Stranger:
    """What the server says, and the app that hears it."""

    mock: responses.RequestsMock
    launches: Launches
    sent: list[Any] = field(default_factory=list)

    def begin(self) -> dict[str, str]:
        """Start a launch; the parameters that go to the authorization server."""
        return asked(self.launches.begin(FHIR, "handle", BROWSER))

    def finish(self, begun: dict[str, str], **more: str) -> Opened:
        answer = {"state": begun["state"], "code": "the-code", "iss": ISSUER, **more}
        return self.launches.finish(answer, BROWSER)

    def grants(self, **more: Any) -> None:
        """Have the token endpoint answer."""
        document = {name: value for name, value in {**GRANTED, **more}.items() if value is not None}
        self.mock.replace(responses.POST, TOKEN, json=document)

    def open(self, **granted: Any) -> Opened:
        begun = self.begin()
        self.grants(**granted)
        return self.finish(begun)

    @property
    def token_requests(self) -> list[Any]:
        return [call.request for call in self.mock.calls if call.request.url == TOKEN]


@contextmanager
def stranger(*, server: dict[str, Any] | None = None, **configuration: Any) -> Iterator[Stranger]:
    told = {name: value for name, value in {**CONFIGURATION, **configuration}.items() if value is not None}
    launches = _launches(Server(fhir=FHIR, name="Stranger", client_id="b12-app", **(server or {})), Safe(MemoryShelf()))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{FHIR}/.well-known/smart-configuration", json=told)
        mock.get(f"{ISSUER}/jwks.json", json={"keys": [KEY.as_dict(private=False)]})
        mock.post(TOKEN, json=GRANTED)
        yield Stranger(mock, launches)


def another_worker(there: Stranger, safe: Safe) -> Stranger:
    """The same app in another process: only what lies in the safe is shared."""
    (known,) = there.launches.servers.all
    return Stranger(there.mock, _launches(known, safe))


def _launches(known: Server, safe: Safe) -> Launches:
    return Launches(Servers((known,)), "https://cds.example/smart", safe, lambda fhir: Networks((), [fhir]))


def identity(right: str, key: ECKey = KEY, **more: Any) -> str:
    """An identity token as the server would sign it."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "b12-app",
        "sub": "u1",
        "iat": now,
        "exp": now + 300,
        "nonce": right,
        "fhirUser": f"{FHIR}/Practitioner/d1",
    }
    claims = {name: value for name, value in {**claims, **more}.items() if value is not None}
    return jwt.encode({"alg": "ES384", "kid": "one"}, claims, key, algorithms=["ES384"])
