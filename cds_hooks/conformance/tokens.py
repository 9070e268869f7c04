"""A client's keys and JWTs: good ones in ES384 and RS384, and each way in which one can be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

ISSUER = "https://cds-conformance.invalid"
ALGORITHMS = ("ES384", "RS384")
LIFETIME = 300
"""Seconds that a token is good for."""


class KeyFileError(ValueError):
    """The file of keys cannot be read or written, or holds other keys; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client: who it says it is, its keys by algorithm, and where its key set may be fetched, if anywhere."""

    keys: Mapping[str, ECKey | RSAKey]
    issuer: str = ISSUER
    jku: str | None = None
    tenant: str | None = None

    def token(self, audience: str, algorithm: str = "ES384", **claims: Any) -> str:
        """Return a signed token; a claim given as None is left out, one given as `jku` goes to the header."""
        jku = claims.pop("jku", self.jku)
        key = claims.pop("key", self.keys[algorithm])
        header = {"alg": algorithm, "kid": self.keys[algorithm].kid, "typ": "JWT"} | ({"jku": jku} if jku else {})
        return jwt.encode(header, self._claims(audience, claims), key, algorithms=[algorithm])

    def unsigned(self, audience: str) -> str:
        """Return a token with the algorithm `none` and no signature."""
        return self._assembled(audience, "none", lambda _: b"")

    def keyed(self, audience: str) -> str:
        """Return a token signed by HMAC with the public key as its secret, which a careless verifier takes."""
        secret = self.keys["RS384"].as_pem(private=False)
        return self._assembled(audience, "HS256", lambda signed: hmac.digest(secret, signed, hashlib.sha256))

    def forged(self, audience: str) -> str:
        """Return a token signed by somebody else's key under our key's name."""
        return self.token(audience, key=ECKey.generate_key("P-384"))

    def public(self) -> dict[str, Any]:
        """Return the key set that a service needs to verify our tokens."""
        keys = [{**key.as_dict(private=False), "alg": name, "use": "sig"} for name, key in self.keys.items()]
        return {"keys": keys}

    def _claims(self, audience: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + LIFETIME, "jti": str(uuid4())}
        if self.tenant:
            usual["tenant"] = self.tenant
        return {name: value for name, value in (usual | dict(changes)).items() if value is not None}

    def _assembled(self, audience: str, algorithm: str, sign: Callable[[bytes], bytes]) -> str:
        header = {"alg": algorithm, "kid": self.keys["RS384"].kid, "typ": "JWT"} | (
            {"jku": self.jku} if self.jku else {}
        )
        signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, self._claims(audience, {})))
        return b".".join((signed, _encoded(sign(signed)))).decode()


def new_keys() -> Mapping[str, ECKey | RSAKey]:
    """Return a fresh key for each algorithm, each named by its thumbprint."""
    keys: dict[str, ECKey | RSAKey] = {"ES384": ECKey.generate_key("P-384"), "RS384": RSAKey.generate_key(2048)}
    for key in keys.values():
        key.ensure_kid()
    return MappingProxyType(keys)


def kept_keys(file: Path) -> Mapping[str, ECKey | RSAKey]:
    """Return the keys of a file, made if there is none, with the public half beside it (`….public.json`).

    Raises `KeyFileError`.
    """
    try:
        if file.exists():
            keys = _read(file)
        else:
            keys = new_keys()
            private = {"keys": [key.as_dict(private=True) for key in keys.values()]}
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
                json.dump(private, written)
        public_file(file).write_text(json.dumps(Client(keys=keys).public(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise KeyFileError(f"{file}: {error.strerror}") from error
    return keys


def public_file(file: Path) -> Path:
    """Return where the public half of a file of keys stands."""
    return file.with_suffix(".public.json")


def _read(file: Path) -> Mapping[str, ECKey | RSAKey]:
    try:
        found = KeySet.import_key_set(json.loads(file.read_text(encoding="utf-8"))).keys
    except (ValueError, KeyError, TypeError, JoseError) as error:
        raise KeyFileError(f"{file}: not a JWK set") from error
    named: dict[str, ECKey | RSAKey] = {}
    for key in found:
        if isinstance(key, ECKey) and key.curve_name == "P-384":
            named["ES384"] = key
        elif isinstance(key, RSAKey):
            named["RS384"] = key
    if set(named) != set(ALGORITHMS) or not all(key.is_private and key.kid for key in named.values()):
        raise KeyFileError(f"{file}: holds no private P-384 key and RSA key, each with a kid")
    return MappingProxyType(named)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
