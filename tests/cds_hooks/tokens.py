"""A client that signs its calls: keys made for the test run, and tokens sound or wrong in one way."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

import flask
import flask.testing
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from cds_hooks.blueprint import serve
from cds_hooks.clients import Client
from cds_hooks.door import Door
from cds_hooks.gate import Gate, RateLimit
from cds_hooks.keys import KeySource
from cds_hooks.registry import Registry, Service
from cds_hooks.replay import MemoryReplayGuard, ReplayGuard
from cds_hooks.trust import Issuer, Verifier
from tests.cds_hooks.kit import no_fetch, service

ISS = "https://ehr.example"
BASE = "https://cds.example/b12"
JKU = "https://ehr.example/.well-known/jwks.json"
KID = "key-1"
CALL = "/cds-services/echo-view"

Key = ECKey | RSAKey


@cache
def ec(curve: str = "P-384", number: int = 0) -> ECKey:
    return ECKey.generate_key(curve)


@cache
def rsa(bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits)


def jwk(key: Key, kid: str = KID, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, **more}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def claims(path: str = CALL, **changes: Any) -> dict[str, Any]:
    """The claims of a sound token for a path; a change to `...` leaves one out."""
    now = int(time.time())
    whole: dict[str, Any] = {
        "iss": ISS,
        "aud": BASE + path,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"alg": "ES384", "kid": KID, "typ": "JWT"} | changes
    return {name: value for name, value in whole.items() if value is not ...}


def token(of: dict[str, Any] | None = None, head: dict[str, Any] | None = None, key: Key | None = None) -> str:
    """A token signed by a key, whatever it says."""
    head = header() if head is None else head
    said = json.dumps(claims() if of is None else of)
    registry = JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    registry.max_header_length = 16384
    return jws.serialize_compact(head, said, key or ec(), registry=registry)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(head: dict[str, Any], of: dict[str, Any], secret: bytes | None) -> str:
    """A token that nobody's private key has signed: without a signature, or by HMAC with this secret."""
    signed = f"{part(head)}.{part(of)}"
    signature = b"" if secret is None else hmac.new(secret, signed.encode(), hashlib.sha384).digest()
    return f"{signed}.{part(signature)}"


class Site:
    """A service with a gate, and what its clients' keys are; every reading of the keys is counted."""

    def __init__(
        self,
        *services: Service,
        keys: bytes | None = None,
        jku: tuple[str, ...] = (JKU,),
        tenants: dict[str | None, Client] | None = None,
        replay: ReplayGuard | None = None,
        rates: RateLimit | None = None,
        algorithms: tuple[str, ...] = ("ES384", "RS384"),
        fetch: Any = no_fetch,
        client: dict[str, Any] | None = None,
        **verifier: Any,
    ) -> None:
        self.document = jwks(jwk(ec()), jwk(rsa(), "key-2")) if keys is None else keys
        self.read = 0
        self.registry = Registry(services or (service(),))
        self.source = KeySource(ISS, self._load)
        known = Client(name="ehr", registry=self.registry, **(client or {}))
        issuer = Issuer(
            iss=ISS,
            keys=dict.fromkeys([None, *jku], self.source),
            tenants={None: known} if tenants is None else tenants,
            algorithms=frozenset(algorithms),
        )
        self.replay = replay or MemoryReplayGuard()
        self.verifier = Verifier([issuer], [BASE], self.replay, **verifier)
        app = flask.Flask("site")
        gate = Gate(verifier=self.verifier, rates=rates)
        serve(app, Door(gate=gate, fetch=fetch), cors_origins=["https://app.example"])
        self.http: flask.testing.FlaskClient = app.test_client()

    def _load(self) -> bytes:
        self.read += 1
        return self.document

    def post(self, body: Any, given: str | None, path: str = CALL) -> Any:
        headers = {"Authorization": f"Bearer {given}"} if given is not None else {}
        return self.http.post(path, json=body, headers=headers)
