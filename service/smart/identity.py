"""Who is there: the identity token of OpenID Connect, verified (SMART App Launch 2.2, section 4)."""

from __future__ import annotations

import re
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cds_hooks.keys import WrongKeys, key_set
from cds_hooks.outbound import Networks
from cds_hooks.trust import ALGORITHMS
from service.smart.discovery import Configuration
from service.smart.refusals import NotIdentified
from service.smart.servers import Server
from service.smart.wire import Nobody, guarded

LEEWAY = 60
"""Seconds that two clocks may differ."""
_MAX = 16_384
_USER = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson|Person)/[A-Za-z0-9.-]{1,64}")


def user_of(token: str | None, server: Server, found: Configuration, nonce: str, networks: Networks) -> str | None:
    """Return the reference of the user that an identity token names, such as `Practitioner/1`, or None.

    Raises `NotIdentified` for a token that is missing, not signed by the server, or not for this app and launch.
    """
    if token is None or len(token) > _MAX or found.issuer is None or found.jwks_uri is None:
        raise NotIdentified
    keys = _keys(found.jwks_uri, networks)
    registry = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": found.issuer},
        aud={"essential": True, "value": server.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
        registry.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError):
        raise NotIdentified from None
    return _user(claims, server)


def _user(claims: dict[str, Any], server: Server) -> str | None:
    named = str(claims.get("fhirUser") or claims.get("profile") or "").removeprefix(f"{server.fhir}/")
    return named if _USER.fullmatch(named) else None


def _keys(url: str, networks: Networks) -> KeySet:
    with requests.Session() as session:
        guarded(session, networks)
        try:
            answer = session.get(url, auth=Nobody(), allow_redirects=False)
            if answer.status_code != 200:
                raise NotIdentified("Its keys cannot be read.")
            return KeySet(list(key_set(answer.content).values()))
        except (requests.RequestException, WrongKeys):
            raise NotIdentified("Its keys cannot be read.") from None
