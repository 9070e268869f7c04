"""The demo EHR as a SMART authorization server: what it offers, the page that asks for consent, tokens, FHIR."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import requests
from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from joserfc.jwk import KeySet
from werkzeug.wrappers import Response as AnyResponse

from service.sandbox.auth_gate import SECONDS, Gate
from service.sandbox.auth_grants import METHODS, App, Authority
from service.sandbox.elements import full_name
from service.sandbox.wire import Json
from service.store.safe import Safe

CLIENT = "b12-cds-smart"
LAUNCH_SECONDS = 300
_CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-ehr-patient",
    "context-standalone-patient",
    "permission-patient",
    "permission-online",
    "permission-v1",
    "permission-v2",
)
_PLAIN = {
    "launch": "Know which patient is open",
    "launch/patient": "Let you choose a patient",
    "openid": "Know who you are",
    "fhirUser": "Know your name in the record",
    "online_access": "Keep access while you are here",
}
_KINDS = {
    "Patient": "Name and birth date",
    "Observation": "Results",
    "Condition": "Problems",
    "MedicationRequest": "Prescriptions",
    "AllergyIntolerance": "Allergies",
    "MedicationStatement": "Medicines reported",
    "MedicationAdministration": "Doses given",
    "Medication": "Names of medicines",
    "Procedure": "Procedures",
    "FamilyMemberHistory": "Family history",
    "ServiceRequest": "Orders for tests",
    "CarePlan": "Care plans",
}
_LETTERS = {"c": "add", "r": "read", "u": "change", "d": "delete", "s": "find"}
_V1 = {"read": "read, find", "write": "add, change, delete", "*": "everything"}


def fhir_base(service: str) -> str:
    """Return the FHIR base for apps: the issuer, behind whose door a token is needed."""
    return f"{service.rstrip('/')}/sandbox/fhir"


@dataclass(frozen=True, slots=True)
class Given:
    """What the user at the consent page decided."""

    scope: str
    patient: str
    app_context: str | None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The authorization server and the FHIR door of one demo."""

    authority: Authority
    gate: Gate

    def launch(self, url: str, patient: str, app_context: str | None = None) -> str:
        """Return the address at which a registered app is launched for a patient; raises KeyError for another app."""
        known = {app.launch for app in self.authority.apps.values()}
        if url not in known:
            raise KeyError(url)
        handle = secrets.token_urlsafe(24)
        until = datetime.now(UTC) + timedelta(seconds=LAUNCH_SECONDS)
        self.authority.safe.put("ehr-launch", handle, {"patient": patient, "app_context": app_context}, until)
        return f"{url}?{urlencode({'iss': self.authority.issuer, 'launch': handle})}"


def sandbox(service: str, fhir: str, safe: Safe, apps: tuple[App, ...]) -> Sandbox:
    """Return the demo's authorization server for a service's address and its private FHIR server."""
    base = fhir_base(service)
    authority = Authority(base, f"{service.rstrip('/')}/sandbox/auth/token", apps, safe)
    return Sandbox(authority, Gate(authority, fhir.rstrip("/"), base))


def own_app(smart_url: str) -> App:
    """Return how this service's own app is registered: public, at its address."""
    url = smart_url.rstrip("/")
    return App(id=CLIENT, name="B12 plan", redirect=f"{url}/callback", launch=f"{url}/launch")


def consent(demo: Sandbox) -> Blueprint:
    """Return the pages for people: consent, and the launch of an app from the chart."""
    blueprint = Blueprint("sandbox_consent", __name__, url_prefix="/sandbox/auth", template_folder="templates")
    authority = demo.authority

    @blueprint.get("/authorize")
    def ask() -> Any:
        try:
            grant = authority.server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return _refused(demo, error)
        return _page(demo, grant)

    @blueprint.post("/authorize")
    def decide() -> Any:
        try:
            grant = authority.server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return _refused(demo, error)
        handle = request.args.get("launch")
        launched = authority.safe.take("ehr-launch", handle) if handle else None
        given = None
        if request.form.get("decision") == "allow":
            given = _given(grant.request.scope, launched)
        return authority.server.create_authorization_response(grant=grant, grant_user=given)

    @blueprint.post("/launch")
    def launch() -> AnyResponse:
        form = request.form
        try:
            return redirect(demo.launch(form["url"], form["patient"], form.get("appContext") or None), 303)
        except KeyError:
            return Response(
                "This app is not registered with the demo EHR.", HTTPStatus.BAD_REQUEST, mimetype="text/plain"
            )

    return blueprint


def machines(demo: Sandbox) -> Blueprint:
    """Return what programs call: the configuration, tokens, keys, and FHIR; to be left out of the forms' protection."""
    blueprint = Blueprint("sandbox_machines", __name__, url_prefix="/sandbox")
    authority = demo.authority

    @blueprint.get("/fhir/.well-known/smart-configuration")
    def configuration() -> Response:
        return jsonify(_configuration(demo))

    @blueprint.get("/auth/jwks.json")
    def keys() -> Response:
        return jsonify(KeySet([authority.key()]).as_dict(private=False))

    @blueprint.post("/auth/token")
    def token() -> Any:
        return authority.server.create_token_response()

    @blueprint.post("/auth/revoke")
    def revoke() -> Any:
        return authority.server.create_endpoint_response("revocation")

    @blueprint.get("/fhir/metadata")
    def metadata() -> Response:
        return demo.gate.open("metadata")

    @blueprint.route("/fhir", defaults={"path": ""}, methods=["GET", "POST"], strict_slashes=False)
    @blueprint.route("/fhir/<path:path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def fhir(path: str) -> Response:
        return demo.gate.answer(path)

    return blueprint


def _configuration(demo: Sandbox) -> Mapping[str, Any]:
    issuer = demo.authority.issuer
    auth = f"{issuer.removesuffix('/fhir')}/auth"
    return {
        "issuer": issuer,
        "jwks_uri": f"{auth}/jwks.json",
        "authorization_endpoint": f"{auth}/authorize",
        "token_endpoint": f"{auth}/token",
        "revocation_endpoint": f"{auth}/revoke",
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "response_types_supported": ["code"],
        "scopes_supported": [*_PLAIN, "patient/*.cruds", "patient/*.*"],
        "capabilities": list(_CAPABILITIES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def _page(demo: Sandbox, grant: Any) -> Any:
    asked = grant.request
    handle = asked.payload.data.get("launch")
    launched = demo.authority.safe.get("ehr-launch", handle) if handle else None
    if handle and launched is None:
        return render_template("sandbox/consent.html", gone=True), HTTPStatus.BAD_REQUEST
    people = _people(demo)
    return render_template(
        "sandbox/consent.html",
        gone=False,
        app=asked.client.name,
        people=people,
        chosen=launched["patient"] if launched else None,
        who=people.get(launched["patient"]) if launched else None,
        scopes=[(scope, _words(scope)) for scope in asked.scope.split()],
        action=f"{url_for('sandbox_consent.decide')}?{request.query_string.decode()}",
    )


def _given(asked: str, launched: Json | None) -> Given | None:
    """Return what the form allows, of what was asked; nothing without a patient."""
    patient = launched["patient"] if launched is not None else request.form.get("patient", "")
    if "launch" in asked.split() and launched is None:
        return None
    ticked = frozenset(request.form.getlist("allowed"))
    scope = " ".join(scope for scope in asked.split() if scope in ticked)
    context = launched["app_context"] if launched is not None else None
    return Given(scope, patient, context) if patient else None


def _refused(demo: Sandbox, error: OAuth2Error) -> Any:
    if not error.redirect_uri:
        words = error.description or error.error
        return render_template("sandbox/consent.html", gone=False, wrong=str(words)), HTTPStatus.BAD_REQUEST
    return demo.authority.refused(error, None)


def _people(demo: Sandbox) -> dict[str, str]:
    url = f"{demo.gate.inside}/Patient"
    found = requests.get(url, params={"_sort": "given", "_count": "200"}, timeout=SECONDS).json()
    people = (entry.get("resource") or {} for entry in found.get("entry") or ())
    return {each["id"]: full_name(each) for each in people if each.get("resourceType") == "Patient"}


def _words(scope: str) -> str:
    """Return what a scope means for a person."""
    if scope in _PLAIN:
        return _PLAIN[scope]
    kind, _, permission = scope.partition("/")[2].partition(".")
    said = _V1.get(permission) or ", ".join(_LETTERS[letter] for letter in permission if letter in _LETTERS)
    return f"{_KINDS.get(kind, kind)}: {said}"
