"""Who calls: a client's JSON Web Token, checked in the order of the best practice (section J; J12).

What costs least and needs no network comes first. Signatures are verified by joserfc; which key may verify which
algorithm of which client is decided here. Whatever is wrong, the caller is told the same (`Unauthorized`); the
reason is for the log and holds nothing that the caller wrote.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from time import time
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from cds_hooks.clients import Client
from cds_hooks.errors import Unauthorized, Unavailable
from cds_hooks.keys import KeySource, PublicKey
from cds_hooks.replay import GuardUnavailable, ReplayGuard
from cds_hooks.servers import Address

USUAL_ALGORITHMS = ("ES384", "RS384")
"""What CDS Hooks recommends (J9)."""
ALGORITHMS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "ES512": ("EC", "P-521"),
        "RS256": ("RSA", None),
        "RS384": ("RSA", None),
        "RS512": ("RSA", None),
        "PS256": ("RSA", None),
        "PS384": ("RSA", None),
        "PS512": ("RSA", None),
        "Ed25519": ("OKP", "Ed25519"),
    }
)
"""What may be accepted, each with the kind of key and the curve it takes; none that is symmetric (J7, J8)."""

_JOSE = JWSRegistry(algorithms=ALGORITHMS)
_VERIFIERS = {name: _JOSE.get_alg(name) for name in ALGORITHMS}

T = TypeVar("T")

LEEWAY = 60.0
"""Seconds that two clocks may differ."""
MAX_AGE = 300.0
"""Seconds since it was issued in which a token is accepted (J20)."""
MAX_LIFETIME = 3600.0
"""Seconds between `iat` and `exp` (J12)."""
MAX_TOKEN = 8192
MAX_JTI = 256

NO_TENANT = None
ANY_TENANT = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One issuer: where its keys are, and which client each of its tenants is.

    `keys` maps each `jku` that is allowed to its keys, and None to the keys of a token without `jku`. `tenants` maps
    a tenant to its client, `NO_TENANT` to the client of tokens without one, and `ANY_TENANT` to that of all others.
    """

    iss: str
    keys: Mapping[str | None, KeySource] = field(repr=False)
    tenants: Mapping[str | None, Client] = field(repr=False)
    algorithms: frozenset[str] = frozenset(USUAL_ALGORITHMS)

    def __post_init__(self) -> None:
        if unknown := self.algorithms - ALGORITHMS.keys():
            raise ValueError(f"no algorithm that may be trusted: {', '.join(sorted(unknown))}")


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    typ: str | None = None
    jku: str | None = None
    crit: Any = None
    b64: Any = None


class _Claims(msgspec.Struct):
    iss: str
    aud: str | list[str]
    exp: float
    iat: float
    jti: str
    nbf: float | None = None
    tenant: str | None = None


_HEADER, _CLAIMS = msgspec.json.Decoder(_Header), msgspec.json.Decoder(_Claims)


class Verifier:
    """Knows the issuers and turns a token into the client that sent it.

    `bases` are the addresses under which clients call this service, as they know them: behind a proxy these are the
    proxy's (J6; checklist 1.7, row 12). Raises `ValueError` for a base that is no address.
    """

    def __init__(
        self,
        issuers: Iterable[Issuer],
        bases: Iterable[str],
        replay: ReplayGuard,
        *,
        leeway: float = LEEWAY,
        max_age: float = MAX_AGE,
        clock: Callable[[], float] = time,
    ) -> None:
        self._issuers = {issuer.iss: issuer for issuer in issuers}
        self._bases = frozenset(Address.parse(base) for base in bases)
        self._replay = replay
        self._leeway, self._max_age, self._clock = leeway, max_age, clock
        self._is_here = lru_cache(1024)(self._leads_here)
        # All tokens of a client have one header.
        self._header = lru_cache(128)(lambda part: _read(_HEADER, part, "header"))

    def client_of(self, token: str, path: str) -> Client:
        """Return the client that sent a token with a call of `path`, which is relative to the base.

        Raises `Unauthorized` (401), and `Unavailable` (503) when it cannot be known whether a token was used before.
        """
        if len(token) > MAX_TOKEN:
            raise Unauthorized("token-size")
        signed, _, signature = token.encode().rpartition(b".")
        named, _, said = signed.partition(b".")
        header, claims = self._header(named), _read(_CLAIMS, said, "claims")
        issuer = self._issuers.get(claims.iss)
        if issuer is None:
            raise Unauthorized("issuer")
        audience = (claims.aud,) if isinstance(claims.aud, str) else claims.aud[:8]
        if not any(self._is_here(aud, path) for aud in audience):
            raise Unauthorized("audience")
        self._check_times(claims)
        client = _client(issuer, claims)
        key = _key(header, issuer, client)
        # What is verified is what was read: the bytes of the token as they came.
        if not _is_signed(header.alg, signed, signature, key):
            raise Unauthorized("signature")
        # What is not printable no database need be able to hold.
        if not 0 < len(claims.jti) <= MAX_JTI or not claims.jti.isprintable():
            raise Unauthorized("jti")
        until = min(claims.exp, claims.iat + self._max_age) + self._leeway
        try:
            if not self._replay.first_use(claims.iss, claims.jti, until):
                raise Unauthorized("replay")
        except GuardUnavailable:
            raise Unavailable("The call cannot be authenticated now.") from None
        return client

    def _leads_here(self, audience: str, path: str) -> bool:
        """Whether an `aud` is the address of the endpoint that is called; one trailing slash is tolerated."""
        whole = audience.removesuffix("/")
        if not whole.endswith(path):
            return False
        try:
            return Address.parse(whole.removesuffix(path)) in self._bases
        except ValueError:
            return False

    def _check_times(self, claims: _Claims) -> None:
        now, leeway = self._clock(), self._leeway
        if claims.exp <= now - leeway:
            raise Unauthorized("expired")
        if claims.nbf is not None and claims.nbf > now + leeway:
            raise Unauthorized("not-yet-valid")
        if claims.iat > now + leeway:
            raise Unauthorized("issued-in-the-future")
        if claims.iat < now - self._max_age - leeway:
            raise Unauthorized("too-old")
        if not 0 < claims.exp - claims.iat <= MAX_LIFETIME:
            raise Unauthorized("lifetime")


def _key(header: _Header, issuer: Issuer, client: Client) -> PublicKey:
    """Return the key that a token's header names, one that may verify this algorithm of this issuer."""
    if header.alg not in issuer.algorithms:
        raise Unauthorized("algorithm")
    if header.crit is not None or header.b64 is not None:
        raise Unauthorized("critical-extension")
    if client.profile.typ and (header.typ or "").upper() != "JWT":
        raise Unauthorized("type")
    if not header.kid:
        raise Unauthorized("no-kid")
    source = issuer.keys.get(header.jku)
    if source is None:
        raise Unauthorized("jku" if header.jku is not None else "no-jku")
    key = source.get(header.kid)
    if key is None:
        raise Unauthorized("kid")
    if not _fits(key, header.alg):
        raise Unauthorized("key-for-another-algorithm")
    return key


def _is_signed(algorithm: str, signed: bytes, signature: bytes, key: PublicKey) -> bool:
    try:
        return _VERIFIERS[algorithm].verify(signed, _decoded(signature), key)
    except (JoseError, ValueError, TypeError):
        return False


def _client(issuer: Issuer, claims: _Claims) -> Client:
    client = issuer.tenants.get(claims.tenant)
    if client is None:
        client = issuer.tenants.get(ANY_TENANT)
    # A tenant that calls itself by the sign for all would else choose its client.
    if client is None or claims.tenant == ANY_TENANT:
        raise Unauthorized("tenant")
    return client


def _fits(key: PublicKey, algorithm: str) -> bool:
    kind, curve = ALGORITHMS[algorithm]
    if key.key_type != kind or (key.alg is not None and key.alg != algorithm):
        return False
    return curve is None or getattr(key, "curve_name", None) == curve


def _read(decoder: "msgspec.json.Decoder[T]", part: bytes, what: str) -> T:
    try:
        return decoder.decode(_decoded(part))
    except (ValueError, RecursionError):
        raise Unauthorized(f"malformed-{what}") from None


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
