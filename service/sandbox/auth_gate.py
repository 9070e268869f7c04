"""The door of the demo's FHIR server for apps: a token's scopes and its one patient, and nothing beyond."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from flask import Response, request
from werkzeug.datastructures import MultiDict

from service.sandbox.auth_grants import Authority, Grant
from service.sandbox.wire import FHIR_JSON, Json
from service.smart.scopes import allows

SECONDS = 15.0
SHARED = frozenset({"Practitioner", "PractitionerRole", "Medication", "Organization", "Location"})
"""Resources that are about no patient."""
_PATH = re.compile(r"(?P<kind>[A-Z][A-Za-z]+)(/(?P<id>[A-Za-z0-9.-]{1,64}|_search))?")
_PASSED = ("Content-Type", "Location", "ETag", "Last-Modified")
_CONDITIONS = ("If-None-Exist", "If-Match", "If-None-Match", "Prefer", "Accept")


class Denied(Exception):
    """A request that the token does not allow."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(frozen=True, slots=True)
class Gate:
    """Passes on to the FHIR server at `inside` what a token allows; `outside` is how apps know it."""

    authority: Authority
    inside: str
    outside: str

    def answer(self, path: str) -> Response:
        """Return the FHIR server's answer to this request, or an OperationOutcome that says why not."""
        try:
            grant = self._granted()
            if path == "":
                return self._transaction(grant)
            found = _PATH.fullmatch(path)
            if found is None:
                raise Denied(403, "Apps may not ask for this.")
            kind, identity = found["kind"], found["id"]
            if request.method == "POST" and identity in {None, "_search"}:
                return self._search(grant, kind) if identity else self._create(grant, kind)
            if identity is None and request.method == "GET":
                return self._search(grant, kind)
            return self._one(grant, kind, identity or "")
        except Denied as denied:
            return _outcome(denied)

    def open(self, path: str) -> Response:
        """Return what anybody may read: the CapabilityStatement."""
        return self._passed("GET", path)

    def _granted(self) -> Grant:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        grant = self.authority.find("ehr-token", token) if scheme.lower() == "bearer" and token else None
        if grant is None:
            raise Denied(401, "A valid access token is needed.")
        return grant

    def _search(self, grant: Grant, kind: str) -> Response:
        _need(grant, kind, "s")
        asked: MultiDict[str, str] = request.values if request.method == "POST" else request.args
        given = MultiDict(asked)
        if kind not in SHARED:
            name = "_id" if kind == "Patient" else "patient"
            wished = {value.removeprefix("Patient/") for value in (*given.getlist(name), *given.getlist("subject"))}
            if wished - {grant.patient}:
                raise Denied(403, "The token is for another patient.")
            if not wished:
                given.add(name, grant.patient)
        bundle = self._json("GET", kind, params=list(given.items(multi=True)))
        kept = [each for each in bundle.get("entry") or () if self._is_theirs(grant, each.get("resource") or {})]
        return _json(bundle | {"entry": kept} if kept else {k: v for k, v in bundle.items() if k != "entry"})

    def _one(self, grant: Grant, kind: str, identity: str) -> Response:
        letter = {"GET": "r", "PUT": "u", "DELETE": "d"}.get(request.method)
        if letter is None:
            raise Denied(403, "Apps may not do this.")
        _need(grant, kind, letter)
        if letter == "u":
            self._check(grant, _body())
        answer = self._sent("GET", f"{kind}/{identity}")
        if answer.status_code == 200:
            self._check(grant, answer.json())
        if letter == "r":
            return self._handed_on(answer)
        return self._passed(request.method, f"{kind}/{identity}", request.get_data())

    def _create(self, grant: Grant, kind: str) -> Response:
        _need(grant, kind, "c")
        self._check(grant, _body())
        return self._passed("POST", kind, request.get_data())

    def _transaction(self, grant: Grant) -> Response:
        bundle = _body() if request.method == "POST" else {}
        if bundle.get("resourceType") != "Bundle":
            raise Denied(403, "Apps may send a transaction here and nothing else.")
        letters = {"POST": "c", "PUT": "u"}
        for entry in bundle.get("entry") or ():
            wish, resource = entry.get("request") or {}, entry.get("resource") or {}
            letter = letters.get(str(wish.get("method")))
            if letter is None:
                raise Denied(403, "A transaction of an app creates and updates, nothing else.")
            _need(grant, str(resource.get("resourceType")), letter)
            self._check(grant, resource)
        return self._passed("POST", "", json.dumps(bundle).replace(self.outside, self.inside).encode())

    def _check(self, grant: Grant, resource: Json) -> None:
        if not self._is_theirs(grant, resource):
            raise Denied(403, "The token is for another patient.")

    def _is_theirs(self, grant: Grant, resource: Json) -> bool:
        kind = resource.get("resourceType")
        if kind == "Patient":
            return resource.get("id") == grant.patient
        if kind in SHARED or kind == "OperationOutcome":
            return True
        named = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
        own = f"Patient/{grant.patient}"
        return named in {own, f"{self.outside}/{own}", f"{self.inside}/{own}"}

    def _json(self, method: str, path: str, params: Any = None) -> Json:
        answer = self._sent(method, path, params=params)
        if answer.status_code != 200:
            raise Denied(answer.status_code, "The FHIR server did not accept this.")
        found: Json = json.loads(answer.text.replace(self.inside, self.outside))
        return found

    def _passed(self, method: str, path: str, body: bytes | None = None) -> Response:
        return self._handed_on(self._sent(method, path, body))

    def _sent(self, method: str, path: str, body: bytes | None = None, params: Any = None) -> requests.Response:
        headers = {name: request.headers[name] for name in _CONDITIONS if name in request.headers}
        headers |= {"Content-Type": FHIR_JSON} if body is not None else {}
        url = f"{self.inside}/{path}".rstrip("/")
        return requests.request(
            method, url, data=body, params=params, headers=headers, timeout=SECONDS, allow_redirects=False
        )

    def _handed_on(self, answer: requests.Response) -> Response:
        headers: Mapping[str, str] = {
            name: answer.headers[name].replace(self.inside, self.outside) for name in _PASSED if name in answer.headers
        }
        return Response(answer.text.replace(self.inside, self.outside), answer.status_code, dict(headers))


def _need(grant: Grant, kind: str, letter: str) -> None:
    """Refuse what the scopes do not allow; who signed in may always be read by an app that was told so."""
    scopes = grant.scope.split()
    if kind == "Practitioner" and letter == "r" and "fhirUser" in scopes:
        return
    if not allows(scopes, kind, letter):
        raise Denied(403, f"No scope was granted that allows this with {kind}.")


def _body() -> Json:
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Denied(HTTPStatus.BAD_REQUEST, "The body is not a FHIR resource.")
    return found


def _json(document: Json) -> Response:
    return Response(json.dumps(document), mimetype=FHIR_JSON)


def _outcome(denied: Denied) -> Response:
    code = {401: "login", 403: "forbidden"}.get(denied.status, "processing")
    issue = {"severity": "error", "code": code, "diagnostics": denied.words}
    response = _json({"resourceType": "OperationOutcome", "issue": [issue]})
    response.status_code = denied.status
    if denied.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
