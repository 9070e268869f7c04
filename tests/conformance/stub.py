"""A CDS service that is sound but for one flaw, named by the requirement that it breaks."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import flask
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cds_hooks.conformance.tokens import ISSUER, Client

Json = dict[str, Any]

ORIGIN = "https://sandbox.cds-hooks.org"
ALLOWED_HEADERS = "authorization, content-type"

VIEW: Json = {
    "hook": "patient-view",
    "id": "advice-view",
    "title": "Advice",
    "description": "Advises on everything.",
    "usageRequirements": "None.",
    "version": "2.0.1",
    "hookVersion": "1.0",
    "prefetch": {
        "patient": "Patient/{{context.patientId}}",
        "results": "Observation?patient={{context.patientId}}&code=http://loinc.org|2-2&date=ge2020-01-01&_count=5",
        "problems": "Condition?patient={{context.patientId}}",
    },
    "extension": {"org.example.scope": "all"},
}
SELECT: Json = {
    "hook": "order-select",
    "id": "advice-order",
    "title": "Advice on orders",
    "description": "Advises on orders.",
    "version": "3.0.0",
    "prefetch": {
        "patient": "Patient/{{context.patientId}}",
        "results": "Observation?patient={{context.patientId}}",
        "doctor": "{{%patient.generalPractitioner.resolve(Practitioner).id}}",
    },
}

TASK = {"resourceType": "Task", "id": "1", "status": "draft", "intent": "order"}
CARD: Json = {
    "uuid": "card-1",
    "summary": "Do something",
    "detail": "*Because.*",
    "indicator": "info",
    "source": {
        "label": "Guideline",
        "url": "https://example.org/guideline",
        "icon": "https://example.org/icon.png",
        "topic": {"system": "http://example.org/topics", "code": "advice"},
    },
    "selectionBehavior": "at-most-one",
    "suggestions": [
        {
            "uuid": "suggestion-1",
            "label": "Do it",
            "isRecommended": True,
            "actions": [
                {"type": "create", "description": "Create", "resource": {"resourceType": "Task", "status": "draft"}},
                {"type": "update", "description": "Update", "resource": TASK},
                {"type": "delete", "description": "Delete", "resourceId": "Task/2"},
            ],
        },
        {
            "uuid": "suggestion-2",
            "label": "Do less",
            "actions": [{"type": "update", "description": "-", "resource": TASK}],
        },
    ],
    "overrideReasons": [{"system": "http://example.org/reasons", "code": "no", "display": "No"}],
    "links": [
        {"label": "Read", "url": "https://example.org/read", "type": "absolute", "autolaunchable": False},
        {"label": "App", "url": "https://example.org/app", "type": "smart", "appContext": "x"},
    ],
    "extension": {"org.example.evidence": {"rule": "1"}},
}
SYSTEM_ACTION = {"type": "update", "description": "Mark", "resource": TASK}


def _suggestion(card: Json) -> Json:
    found: Json = card["suggestions"][0]
    return found


CARD_FLAWS: dict[str, Callable[[Json], Any]] = {
    "A3": lambda card: card["extension"].update({"org.example.gap": None}),
    "A3-resource": lambda card: _suggestion(card)["actions"][0]["resource"].update(note=[]),
    "A4": lambda card: card.update(detail=""),
    "A4-list": lambda card: card["suggestions"][1].update(actions=[]),
    "A5": lambda card: _suggestion(card)["actions"][0].update(resource="<Task/>"),
    "A5-id": lambda card: _suggestion(card)["actions"][0]["resource"].update(id={"value": "1"}),
    "F1": lambda card: card["suggestions"][1].update(uuid="card-1"),
    "F2": lambda card: card.update(summary="x" * 140),
    "F2-missing": lambda card: card.pop("summary"),
    "F3": lambda card: card.update(detail=["Because."]),
    "F4": lambda card: card.update(indicator="hard-stop"),
    "F5": lambda card: card.update(source="Guideline"),
    "F6": lambda card: card.update(suggestions={"label": "Do it"}),
    "F7": lambda card: card.pop("selectionBehavior"),
    "F7-value": lambda card: card.update(selectionBehavior="all"),
    "F8": lambda card: card["overrideReasons"][0].pop("display"),
    "F10": lambda card: card.update(links={"label": "Read"}),
    "F11": lambda card: card["source"].pop("label"),
    "F12": lambda card: card["source"].update(url="guideline.html"),
    "F13": lambda card: card["source"].update(icon="icon.png"),
    "F15": lambda card: _suggestion(card).pop("label"),
    "F17": lambda card: card["suggestions"][1].update(isRecommended=True),
    "F17-type": lambda card: card["suggestions"][1].update(isRecommended="yes"),
    "F18": lambda card: _suggestion(card)["actions"][2].update(resourceId="Task/1"),
    "F18-type": lambda card: _suggestion(card).update(actions="all"),
    "F19": lambda card: _suggestion(card).update(actionSelectionBehavior="all"),
    "F20": lambda card: _suggestion(card)["actions"][0].update(type="merge"),
    "F21": lambda card: _suggestion(card)["actions"][0].pop("description"),
    "F22": lambda card: _suggestion(card)["actions"][0].update(resource={"status": "draft"}),
    "F22-update": lambda card: _suggestion(card)["actions"][1].update(resource={"resourceType": "Task", "status": "x"}),
    "F23": lambda card: _suggestion(card)["actions"][2].update(resource="Task/2"),
    "F24": lambda card: card["links"][0].update(type="app"),
    "F25": lambda card: card["links"][0].update(appContext="x"),
    "F26": lambda card: card["links"][0].update(autolaunchable="yes"),
    "F28": lambda card: card["source"]["topic"].pop("system"),
    "I1": lambda card: card.update(extension=["org.example.evidence"]),
    "I2": lambda card: card.update(extension={"evidence": 1}),
}

SERVICE_FLAWS: dict[str, Callable[[Json], Any]] = {
    "A3-discovery": lambda entry: entry["extension"].update({"org.example.gap": []}),
    "A4-discovery": lambda entry: entry.update(usageRequirements=""),
    "B4": lambda entry: entry.pop("hook"),
    "B5": lambda entry: entry.pop("title"),
    "B6": lambda entry: entry.pop("description"),
    "B7": lambda entry: entry.update(id="advice view"),
    "B8": lambda entry: entry["prefetch"].update(problems={"query": "Condition"}),
    "B9": lambda entry: entry.update(usageRequirements=["None."]),
    "B10": lambda entry: entry.update(version="latest"),
    "B11": lambda entry: entry.update(hookVersion="9.9"),
    "C1": lambda entry: entry.update(prefetch=["Patient/{{context.patientId}}"]),
    "C2": lambda entry: entry["prefetch"].update(
        problems="https://fhir.example/Condition?patient={{context.patientId}}"
    ),
    "C3": lambda entry: entry["prefetch"].update(problems="Condition?onset-date=ge{{today()}}"),
    "C3-braces": lambda entry: entry["prefetch"].update(problems="Condition?patient={{context.patientId}"),
    "C4": lambda entry: entry["prefetch"].update(problems="Condition?patient={{context.patientId.value}}"),
    "C5": lambda entry: entry["prefetch"].update(problems="Condition?patient={{context.patient}}"),
    "C8": lambda entry: (
        entry.update(version="3.0.0")
        or entry["prefetch"].update(results="Observation?date=ge{{%problems.onsetDateTime}}")
    ),
    "C9": lambda entry: entry["prefetch"].update(
        problems="Condition?patient={{context.patientId}}&_include=Condition:x"
    ),
    "C9-sort": lambda entry: entry["prefetch"].update(
        problems="Condition?patient={{context.patientId}}&_sort:desc=onset-date"
    ),
    "I1-discovery": lambda entry: entry.update(extension="all"),
}

FLAWS = (
    *CARD_FLAWS,
    *SERVICE_FLAWS,
    *("A1", "A1-sloppy", "B1", "B2", "B2-status", "C13", "C15", "D1", "D2", "D3", "D4", "D7", "D9", "D10", "D11"),
    *("D12", "D14", "D15", "D16", "D18", "D19", "E1", "E2", "E3", "E4", "E5", "E5-unknown", "E6", "G1"),
    *("H1", "H2", "H3", "H4", "H5", "H6", "H6-again", "J1", "J2", "J3", "J5", "J5-lasting", "J6", "J7", "J7-forged"),
    *("J8", "J9", "J10", "J11", "J12", "J15", "J15-told", "J17", "J17-any"),
)
"""Every flaw of a server that can be called; the rule is what stands before the hyphen."""
NEEDS_LISTENING = frozenset({"C13", "D9", "D12", "D14", "D15", "D18", "J10", "J11"})


class Refused(Exception):
    """A call that the stub refuses, with its status."""

    def __init__(self, status: int, why: str = "refused") -> None:
        super().__init__(why)
        self.status = status


class Stub:
    """Two services and their feedback, behind JWTs of one client."""

    def __init__(self, client: Client, flaw: str = "") -> None:
        self.flaw = flaw
        self.keys = KeySet.import_key_set(client.public())
        self.secret = client.keys["RS384"].as_pem(private=False)
        self.seen: set[str] = set()
        self.posted: list[Json] = []
        self.asked = self.called = 0
        self.first_token: str | None = None

    def app(self) -> flask.Flask:
        app = flask.Flask("stub")
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.add_url_rule("/cds-services", view_func=self.discovery, methods=["GET", "OPTIONS"])
        app.add_url_rule("/cds-services/<name>", view_func=self.call, methods=["POST", "OPTIONS"])
        app.add_url_rule("/cds-services/<name>/feedback", view_func=self.feedback, methods=["POST", "OPTIONS"])
        for rule in app.url_map.iter_rules():
            rule.provide_automatic_options = False
        app.register_error_handler(Refused, self.refuse)
        app.after_request(self.cors)
        return app

    def refuse(self, refused: Refused) -> flask.Response:
        if refused.status in (401, 403):
            return flask.Response(str(refused) if self.flaw == "J15-told" else "", refused.status)
        if self.flaw == "E6":
            return flask.Response("refused", refused.status)
        issue = {"severity": "error", "code": "processing", "diagnostics": str(refused)}
        told = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
        return flask.Response(told, refused.status, mimetype="application/fhir+json")

    def cors(self, answer: flask.Response) -> flask.Response:
        origin = flask.request.headers.get("Origin", "")
        if origin == ORIGIN or (origin and self.flaw == "J17-any"):
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        if self.flaw == "J17-any":
            answer.headers["Access-Control-Allow-Credentials"] = "true"
        return answer

    def discovery(self) -> Any:
        if flask.request.method == "OPTIONS":
            return "", 204
        self.trust()
        self.asked += 1
        view = copy.deepcopy(VIEW)
        SERVICE_FLAWS.get(self.flaw, lambda _: None)(view)
        if self.flaw == "B1":
            view["title"] = f"Advice {self.asked}"
        if self.flaw == "B2":
            return {"services": {"first": view}}
        return {"services": [view, SELECT]}, 203 if self.flaw == "B2-status" else 200

    def call(self, name: str) -> Any:
        if flask.request.method == "OPTIONS":
            return "", 204
        self.trust()
        service = {"advice-view": VIEW, "advice view": VIEW, "advice-order": SELECT}.get(name)
        if service is None:
            if self.flaw == "E5-unknown":
                return {"cards": []}
            raise Refused(404)
        if self.flaw == "D1":
            raise Refused(404)
        if self.flaw == "J1":
            return flask.redirect(f"http://service.example/cds-services/{name}", 307)
        self.called += 1
        if self.flaw == "D16" and self.called <= 4:
            time.sleep(0.51)
        sent = self.read()
        self.check(sent, service)
        return self.answer(self.gather(sent, service))

    def read(self) -> Json:
        try:
            sent: Json = json.loads(flask.request.data)
        except ValueError:
            if self.flaw == "A1-sloppy":
                sent = {"hook": "patient-view", "hookInstance": str(UUID(int=1)), "context": {"patientId": "1"}}
                return sent | {"prefetch": {"patient": {"resourceType": "Patient"}, "results": None}}
            raise Refused(400) from None
        return sent

    def check(self, sent: Json, service: Json) -> None:
        if sent.get("hook") != service["hook"] and self.flaw != "D2":
            raise Refused(500 if self.flaw == "E5" else 400)
        try:
            UUID(sent.get("hookInstance", ""))
        except ValueError:
            if self.flaw != "D3":
                raise Refused(400) from None
        if "fhirAuthorization" in sent and "fhirServer" not in sent and self.flaw != "D4":
            raise Refused(400)
        if "patientId" not in sent.get("context", {}) and self.flaw != "D7":
            raise Refused(400)
        if "extension" in sent and self.flaw == "D19":
            raise Refused(400)

    def gather(self, sent: Json, service: Json) -> bool:
        """Whether there is something to say: results, of a patient who is known."""
        prefetch: Json = dict(sent.get("prefetch") or {})
        if self.flaw == "C15" and None in prefetch.values():
            raise Refused(500)
        token = sent.get("fhirAuthorization", {}).get("access_token")
        if sent.get("fhirServer") and token:
            self.fetch(sent, service, prefetch, token)
        missing = [key for key in ("patient", "results") if _is_missing(key, prefetch)]
        if missing:
            if self.flaw == "D11" and not sent.get("prefetch"):
                return False
            if self.flaw == "D10" and sent.get("prefetch"):
                return False
            raise Refused(400 if self.flaw == "E4" else 412, f"prefetch.{missing[0]}")
        return bool(prefetch["results"] and prefetch["results"].get("entry"))

    def fetch(self, sent: Json, service: Json, prefetch: Json, token: str) -> None:
        self.first_token = self.first_token or token
        headers = {"Authorization": f"Bearer {self.first_token if self.flaw == 'D15' else token}"}
        if self.flaw == "D14":
            headers = {}
        for key, template in service["prefetch"].items():
            path = re.sub(r"\{\{context\.(\w+)\}\}", lambda token: sent["context"][token[1]], template)
            wanted = key not in prefetch and (self.flaw != "D9" or "prefetch" not in sent)
            if wanted and "{{" not in path:
                prefetch[key] = requests.get(f"{sent['fhirServer']}/{path}", headers=headers, timeout=5).json()
        for value in list(prefetch.values()):
            for link in (value or {}).get("link", ()) if self.flaw != "C13" else ():
                requests.get(link["url"], headers=headers, timeout=5)
        if self.flaw == "D12" and "prefetch" not in sent:
            raise Refused(412)
        if self.flaw == "D18":
            for one in sent["context"].get("selections", ()):
                requests.get(f"{sent['fhirServer']}/{one}", headers=headers, timeout=5)

    def answer(self, something: bool) -> Any:
        if not something:
            return ("", 204) if self.flaw == "E3" else {"cards": []}
        card = copy.deepcopy(CARD)
        CARD_FLAWS.get(self.flaw, lambda _: None)(card)
        action = {key: value for key, value in SYSTEM_ACTION.items() if key != "description" or self.flaw != "G1"}
        body: Json = {"cards": [card], "systemActions": action if self.flaw == "E2" else [action]}
        if self.flaw == "E1":
            body = {"card": [card]}
        if self.flaw == "A1":
            return flask.Response(json.dumps(body), mimetype="text/html")
        return body

    def feedback(self, name: str) -> Any:
        if flask.request.method == "OPTIONS":
            return ("", 401) if self.flaw == "J17" else ("", 204)
        if self.flaw == "J3":
            raise Refused(401)
        self.trust()
        items = json.loads(flask.request.data).get("feedback")
        if self.flaw != "H3" and (not isinstance(items, list) or not all(map(_is_feedback, items))):
            raise Refused(400)
        if self.flaw == "H1":
            raise Refused(500)
        if self.flaw == "H2" and len(items) > 1:
            raise Refused(400)
        for item in items if isinstance(items, list) else ():
            reason = item.get("overrideReason", {})
            if self.flaw == "H4" and item["outcome"] == "accepted" and len(items) == 1:
                raise Refused(400)
            if self.flaw == "H5" and reason and "reason" not in reason:
                raise Refused(400)
            if self.flaw == "H6" and item["outcome"] == "overridden" and not reason and len(items) == 1:
                raise Refused(400)
            if self.flaw == "H6-again" and len(items) == 1 and item in self.posted:
                raise Refused(409)
            self.posted.append(item)
        return "", 200

    def trust(self) -> None:
        """Check the client's JWT; raises `Refused` (401)."""
        token = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token and self.flaw == "J2":
            return
        try:
            header, claims = self.verified(token)
        except (ValueError, KeyError, JoseError) as wrong:
            raise Refused(403 if self.flaw == "J15" else 401, str(wrong)) from None
        if self.flaw == "J10" and "jku" in header:
            requests.get(header["jku"], timeout=5)
        wrong = ""
        if claims["iss"] != ISSUER:
            wrong = "iss"
        elif claims["aud"] != flask.request.base_url and self.flaw != "J6":
            wrong = "aud"
        elif "exp" not in claims:
            wrong = "" if self.flaw == "J5-lasting" else "exp"
        elif claims["exp"] < time.time() and self.flaw != "J5":
            wrong = "over"
        elif claims["jti"] in self.seen and self.flaw != "J12":
            wrong = "jti"
        elif self.flaw == "J11" and "jku" not in header:
            wrong = "jku"
        self.seen.add(claims["jti"])
        if wrong:
            raise Refused(401, wrong)

    def verified(self, token: str) -> tuple[Json, Json]:
        header, claims, signature = token.split(".")
        read = {"header": json.loads(_decoded(header)), "claims": json.loads(_decoded(claims))}
        algorithm = read["header"]["alg"]
        signed = f"{header}.{claims}".encode()
        if algorithm == "none" and self.flaw == "J7":
            return read["header"], read["claims"]
        keyed = hmac.digest(self.secret, signed, hashlib.sha256)
        if algorithm == "HS256" and self.flaw == "J8" and hmac.compare_digest(keyed, _decoded(signature)):
            return read["header"], read["claims"]
        if algorithm not in ("ES384", "RS384") or (algorithm == "RS384" and self.flaw == "J9"):
            raise ValueError("alg")
        if self.flaw != "J7-forged":
            jwt.decode(token, self.keys, algorithms=[algorithm])
        return read["header"], read["claims"]


def _is_missing(key: str, prefetch: Json) -> bool:
    if key not in prefetch or (key == "patient" and prefetch[key] is None):
        return True
    return (prefetch[key] or {}).get("resourceType") == "OperationOutcome"


def _is_feedback(item: Json) -> bool:
    return {"card", "outcome", "outcomeTimestamp"} <= set(item) and item["outcome"] in ("accepted", "overridden")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
