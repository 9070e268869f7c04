"""Where the requests come from: a synthetic patient, a FHIR server, or a request that the operator gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import requests

from cds_hooks.conformance import people
from cds_hooks.conformance.caller import Unreachable
from cds_hooks.conformance.discovery import Found
from cds_hooks.conformance.loopback import Loopback
from cds_hooks.conformance.templates import fill

Json = dict[str, Any]

SCOPE = "patient/*.read"
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Access:
    """A FHIR server that the service may call, and the token for it, if it needs one."""

    server: str
    token: str | None = None

    def fields(self, patient: Any) -> Json:
        """Return the request's elements that give the access."""
        given: Json = {"fhirServer": self.server}
        if self.token:
            given["fhirAuthorization"] = {
                "access_token": self.token,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": SCOPE,
                "subject": "cds-conformance",
                "patient": patient,
            }
        return given


class Source(Protocol):
    """Makes requests for services."""

    def request(self, service: Found) -> Json | None:
        """Return a request in good order with all that the service asks for, or None if there is none for its hook."""

    def access(self) -> Access | None:
        """Return access to the FHIR server that holds the patient, with a token that was not used before."""


@dataclass(slots=True)
class Synthetic:
    """The check's own patient; the small server on this machine stands for the FHIR server, if it runs."""

    loopback: Loopback | None = None

    def request(self, service: Found) -> Json | None:
        """Return a request about the synthetic patient."""
        context = context_of(service.hook, people.PATIENT, people.USER, people.ENCOUNTER)
        filled = {key: fill(template, context) for key, template in service.templates.items()}
        prefetch = {key: people.found(path) for key, path in filled.items() if path}
        return _whole(service, context, prefetch)

    def access(self) -> Access | None:
        """Return access to the small server, with a fresh token."""
        return Access(self.loopback.fhir, f"conformance-{uuid4()}") if self.loopback else None


@dataclass(slots=True)
class FromServer:
    """A patient of a FHIR server: a test server with test patients, for what it holds is sent to the service."""

    server: str
    patient: str
    token: str | None = None
    session: requests.Session = field(default_factory=requests.Session)
    _known: dict[str, Any] = field(default_factory=dict)

    def request(self, service: Found) -> Json | None:
        """Return a request about the patient; raises `Unreachable` when the server does not answer."""
        context = context_of(service.hook, self.patient, people.USER, people.ENCOUNTER)
        prefetch: Json = {}
        for key, template in service.templates.items():
            path = fill(template, context)
            if path:
                if path not in self._known:
                    self._known[path] = self._read(path)
                prefetch[key] = self._known[path]
        return _whole(service, context, prefetch)

    def access(self) -> Access | None:
        """Return access to this server with the operator's token."""
        return Access(self.server, self.token)

    def _read(self, path: str) -> Any:
        headers = {"Accept": "application/fhir+json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            got = self.session.get(
                f"{self.server.rstrip('/')}/{path}", headers=headers, timeout=PATIENCE, allow_redirects=False
            )
            if got.status_code in (404, 410):
                return None
            return got.json() if got.ok else people.outcome()
        except ValueError:
            return people.outcome()
        except requests.RequestException as error:
            raise Unreachable(f"{self.server}: no answer ({type(error).__name__})") from error


@dataclass(slots=True)
class Given:
    """A request that the operator wrote, for the services of its hook; another source serves the rest."""

    whole: Json
    rest: Source

    def request(self, service: Found) -> Json | None:
        """Return the operator's request with a fresh hookInstance, if it is for the service's hook."""
        if self.whole.get("hook") != service.hook:
            return self.rest.request(service)
        return self.whole | {"hookInstance": str(uuid4())}

    def access(self) -> Access | None:
        """Return the access that the request itself gives, else the other source's."""
        server = self.whole.get("fhirServer")
        token = (self.whole.get("fhirAuthorization") or {}).get("access_token")
        return Access(server, token) if server else self.rest.access()


def context_of(hook: str, patient: str, user: str, encounter: str) -> Json:
    """Return a context by the hook's definition; a hook that is not known gets user, patient and encounter."""
    drafts = people.bundle(people.draft_order(), kind="collection")
    own: Mapping[str, Json] = {
        "order-select": {"selections": [f"MedicationRequest/{people.DRAFT}"], "draftOrders": drafts},
        "order-sign": {"draftOrders": drafts},
        "appointment-book": {"appointments": people.bundle(people.appointment(), kind="collection")},
        "order-dispatch": {
            "dispatchedOrders": ["ServiceRequest/conformance-servicerequest"],
            "performer": "Organization/conformance-organization",
        },
        "allergyintolerance-create": {"allergyIntolerance": people.allergy()},
        "medication-refill": {"medications": drafts},
        "problem-list-item-create": {"conditions": people.bundle(people.condition(), kind="collection")},
        "medication-verify": {"medication": people.draft_order() | {"status": "active"}},
    }
    subject = {"reference": f"Patient/{patient}"}
    common = {"userId": user} if hook != "order-dispatch" else {}
    needs = hook.startswith("encounter-") or hook not in own
    place = {"encounterId": encounter} if needs and hook != "patient-view" else {}
    resources: Json = _about(own.get(hook, {}), subject)
    return common | {"patientId": patient} | place | resources


def _about(value: Any, subject: Json) -> Any:
    """Return resources with another subject than the synthetic patient."""
    if isinstance(value, dict):
        return {
            key: subject if key in ("subject", "patient", "actor") else _about(part, subject)
            for key, part in value.items()
        }
    return [_about(part, subject) for part in value] if isinstance(value, list) else value


def _whole(service: Found, context: Json, prefetch: Json) -> Json:
    whole = {"hook": service.hook, "hookInstance": str(uuid4()), "context": context}
    return whole | ({"prefetch": prefetch} if prefetch else {})
