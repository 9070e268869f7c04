"""What the demo's authorization server grants: codes that serve once, tokens, identity (Authlib's server side)."""

import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from service.sandbox.resources import CLINICIAN
from service.store.safe import Safe

CODE_SECONDS, TOKEN_SECONDS, ONLINE_SECONDS = 60, 300, 8 * 3600
METHODS = ["none", "client_secret_basic", "private_key_jwt"]
ALGORITHM = "ES384"
USER = f"Practitioner/{CLINICIAN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class App(ClientMixin):  # type: ignore[misc]
    """An app that is registered: public, or known by a secret or by its keys."""

    id: str
    name: str
    redirect: str
    launch: str
    secret: str | None = field(default=None, repr=False)
    keys: KeySet | None = None

    def get_client_id(self) -> str:
        """Return its id."""
        return self.id

    def get_default_redirect_uri(self) -> str:
        """Return where its users go back to."""
        return self.redirect

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the scopes that may be granted: what is asked for, as the user decides what is."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether an address is the registered one, letter by letter."""
        return redirect_uri == self.redirect

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether a secret is the app's."""
        return self.secret is not None and secrets.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        """Return whether the app proves itself this way: by what it was registered with and no less."""
        own = "private_key_jwt" if self.keys else "client_secret_basic" if self.secret else "none"
        return method == own

    def check_response_type(self, response_type: str) -> bool:
        """Return whether a code is asked for."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether codes and refresh tokens may be exchanged."""
        return grant_type in {"authorization_code", "refresh_token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(AuthorizationCodeMixin, TokenMixin):  # type: ignore[misc]
    """What a user granted: behind a code, an access token and a refresh token alike."""

    client: str
    scope: str
    patient: str
    redirect: str = ""
    nonce: str | None = None
    code_challenge: str | None = None
    app_context: str | None = None

    code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        """Return the address that was asked for."""
        return self.redirect

    def get_scope(self) -> str:
        """Return what was granted."""
        return self.scope

    def get_nonce(self) -> str | None:
        """Return what ties the identity token to the request."""
        return self.nonce

    def get_auth_time(self) -> None:
        """Return nothing: nobody signs in to the demo."""

    def get_acr(self) -> None:
        """Return nothing: nobody signs in to the demo."""

    def get_amr(self) -> None:
        """Return nothing: nobody signs in to the demo."""

    def check_client(self, client: App) -> bool:
        """Return whether it was granted to this app."""
        return client.id == self.client


class Authority:
    """The authorization server of one FHIR base; what it remembers is shared by all workers that share the safe."""

    def __init__(self, issuer: str, token_url: str, apps: tuple[App, ...], safe: Safe) -> None:
        self.issuer, self.token_url, self.safe = issuer, token_url, safe
        self.apps = {app.id: app for app in apps}
        self.server = _server(self)

    def keep(self, kind: str, grant: Grant, secret: str, seconds: float) -> None:
        """Keep what was granted under a code or a token."""
        self.safe.put(kind, secret, asdict(grant), datetime.now(UTC) + timedelta(seconds=seconds))

    def find(self, kind: str, secret: str, *, once: bool = False) -> Grant | None:
        """Return what was granted under a code or a token; `once` forgets it."""
        found = self.safe.take(kind, secret) if once else self.safe.get(kind, secret)
        return Grant(**found) if found is not None else None

    def key(self) -> ECKey:
        """Return what identity tokens are signed with; made at the first use."""
        found = self.safe.get("ehr-key", self.issuer)
        if found is None:
            made = ECKey.generate_key("P-384", {"kid": secrets.token_hex(8), "alg": ALGORITHM, "use": "sig"})
            until = datetime.now(UTC) + timedelta(days=365)
            # Workers that make one at once all use the one that was first.
            found = self.safe.first("ehr-key", self.issuer, {**made.as_dict(private=True)}, until)
        return ECKey.import_key(found)

    def refused(self, error: OAuth2Error, request: Any) -> Any:
        """Return the answer to an authorization request that cannot be granted; it names this server too."""
        answer = self.server.handle_error_response(request, error)
        _Issuer(self).add_issuer_parameter(self.server, answer)
        return answer


class _Code(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_authorization_request(self) -> str:
        redirect: str = super().validate_authorization_request()
        asked = self.request.payload.data
        if asked.get("aud", "").rstrip("/") != self.server.authority.issuer:
            raise InvalidRequestError("'aud' is not this FHIR server.", redirect_uri=redirect)
        if ("launch" in asked.get("scope", "").split()) != bool(asked.get("launch")):
            raise InvalidRequestError("'launch' belongs to the scope launch.", redirect_uri=redirect)
        return redirect

    def save_authorization_code(self, code: str, request: Any) -> None:
        asked, given = request.payload.data, request.user
        grant = Grant(
            client=request.client.id,
            scope=given.scope,
            patient=given.patient,
            redirect=request.payload.redirect_uri or request.client.redirect,
            nonce=asked.get("nonce"),
            code_challenge=asked.get("code_challenge"),
            app_context=given.app_context,
        )
        self.server.authority.keep("ehr-code", grant, code, CODE_SECONDS)

    def query_authorization_code(self, code: str, client: App) -> Grant | None:
        # Taken whatever comes of it: a code is tried once.
        found: Grant | None = self.server.authority.find("ehr-code", code, once=True)
        return found if found is not None and found.check_client(client) else None

    def delete_authorization_code(self, authorization_code: Grant) -> None:
        pass

    def authenticate_user(self, authorization_code: Grant) -> Grant:
        return authorization_code

    def generate_token(self, **options: Any) -> Any:
        online = "online_access" in options["scope"].split()
        return super().generate_token(**options | {"include_refresh_token": online})

    def create_token_response(self) -> Any:
        status, body, headers = super().create_token_response()
        return status, {**body, **_launch_context(self.request.authorization_code)}, headers


class _Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Grant | None:
        found: Grant | None = self.server.authority.find("ehr-refresh", refresh_token, once=True)
        return found

    def authenticate_user(self, refresh_token: Grant) -> Grant:
        return refresh_token

    def revoke_old_credential(self, refresh_token: Grant) -> None:
        pass

    def create_token_response(self) -> Any:
        status, body, headers = super().create_token_response()
        return status, {**body, **_launch_context(self.request.refresh_token)}, headers


def _launch_context(grant: Grant) -> dict[str, Any]:
    """Return what a SMART token response says beside the token."""
    context = {"appContext": grant.app_context} if grant.app_context else {}
    return {"patient": grant.patient, "need_patient_banner": True, **context}


class _S256(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    DEFAULT_CODE_CHALLENGE_METHOD = "S256"

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with S256 is required.", redirect_uri=redirect_uri)
        super().validate_code_challenge(grant, redirect_uri)


class _Identity(OpenIDCode):  # type: ignore[misc]
    def __init__(self, authority: Authority) -> None:
        super().__init__(require_nonce=True)
        self._authority = authority

    def exists_nonce(self, nonce: str, request: Any) -> bool:  # noqa: ARG002
        return False

    def resolve_client_private_key(self, client: App) -> ECKey:  # noqa: ARG002
        return self._authority.key()

    def get_client_algorithm(self, client: App) -> str:  # noqa: ARG002
        return ALGORITHM

    def get_encode_header(self, client: App) -> dict[str, Any]:  # noqa: ARG002
        return {"alg": ALGORITHM, "kid": self._authority.key().kid}

    def get_client_claims(self, client: App) -> dict[str, Any]:
        return {"iss": self._authority.issuer, "aud": [client.id], "exp": int(time.time()) + TOKEN_SECONDS}

    def generate_user_info(self, user: Grant, scope: str) -> dict[str, Any]:  # noqa: ARG002
        who = {"fhirUser": f"{self._authority.issuer}/{USER}"} if "fhirUser" in scope.split() else {}
        return {"sub": CLINICIAN, **who}


class _Issuer(IssuerParameter):  # type: ignore[misc]
    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def get_issuer(self) -> str:
        return self._authority.issuer


class _Keys(JWTBearerClientAssertion):  # type: ignore[misc]
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._authority = authority

    def get_audiences(self) -> list[str]:
        return [self._authority.token_url]

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=["ES384", "RS384"])
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The proof is not signed with the app's key.") from error
        self.verify_claims(token.claims)
        return token.claims

    def validate_jti(self, claims: Any, jti: str) -> bool:
        name = f"{claims['sub']} {jti}"
        if self._authority.safe.get("ehr-jti", name) is not None:
            return False
        self._authority.safe.put("ehr-jti", name, {}, datetime.now(UTC) + timedelta(hours=1))
        return True

    def resolve_client_public_key(self, client: App) -> KeySet:
        return client.keys or KeySet([])


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Grant | None:  # noqa: ARG002
        authority: Authority = self.server.authority
        return authority.find("ehr-token", token_string) or authority.find("ehr-refresh", token_string)

    def revoke_token(self, token: Grant, request: Any) -> None:  # noqa: ARG002
        for kind in ("ehr-token", "ehr-refresh"):
            self.server.authority.find(kind, request.form["token"], once=True)


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        super().__init__()
        self._query_client = authority.apps.get
        self._save_token = self._save
        self._error_uris = None
        seconds = {"authorization_code": TOKEN_SECONDS, "refresh_token": TOKEN_SECONDS}
        self.load_config({"OAUTH2_REFRESH_TOKEN_GENERATOR": True, "OAUTH2_TOKEN_EXPIRES_IN": seconds})

    def _save(self, token: dict[str, Any], request: Any) -> None:
        self.authority.keep("ehr-token", request.user, token["access_token"], token["expires_in"])
        if "refresh_token" in token:
            self.authority.keep("ehr-refresh", request.user, token["refresh_token"], ONLINE_SECONDS)


def _server(authority: Authority) -> AuthorizationServer:
    server = _Server(authority)
    server.register_grant(_Code, [_S256(required=True), _Identity(authority)])
    server.register_grant(_Refresh)
    server.register_client_auth_method("private_key_jwt", _Keys(authority))
    server.register_endpoint(_Revocation)
    server.register_extension(_Issuer(authority))
    return server
