"""After a run of every kind of call, no log holds a name, an identifier or a token that was in any of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flask
import requests

from tests.cds_hooks.kit import serving
from tests.cds_hooks.tokens import claims, ec, forged, header, jwk, jwks, token

from .chart import SEEDED, low_b12
from .running import SERVICE, free_port, served

ACCESS = "fhir-access-token-of-this-call-8d1f"


class Ehr:
    """A FHIR server that answers the patient well, and everything else with one kind of trouble in turn."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()

    def app(self) -> flask.Flask:
        app = flask.Flask("ehr")
        words = json.dumps({"resourceType": "OperationOutcome", "issue": [{"diagnostics": " ".join(SEEDED)}]})
        troubles = [
            flask.Response(words, 403, mimetype="application/fhir+json"),
            flask.Response(words, 500, mimetype="application/fhir+json"),
            flask.Response("<html>Quillfeather</html>", 200, mimetype="text/html"),
            flask.Response('{"resourceType":"Bundle","entry":[{"res', 200, mimetype="application/fhir+json"),
            flask.redirect("https://elsewhere.example/pat-7731"),
        ]

        @app.get("/fhir/<path:path>")
        def answer(path: str) -> Any:
            self.asked.append(path)
            self.tokens.add(flask.request.headers.get("Authorization"))
            if path.startswith("Patient/"):
                return flask.jsonify(low_b12()["prefetch"]["patient"])
            return troubles[len(self.asked) % len(troubles)]

        return app


def test_no_log_holds_what_identifies_a_patient_or_opens_a_door(tmp_path: Path) -> None:
    ehr, sent, statuses = Ehr(), [], []
    with serving(ehr.app()) as address:
        (tmp_path / "keys.json").write_bytes(jwks(jwk(ec())))
        (tmp_path / "clients.yaml").write_text(
            f"""issuers:
  - issuer: https://ehr.example
    keys-file: keys.json
    clients:
      - {{name: ward, protocol: uk-ng239, fhir-servers: ["{address}/fhir"]}}
""",
            encoding="utf-8",
        )
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        settings = {
            "B12_AUTHENTICATION": "required",
            "B12_CLIENTS": str(tmp_path / "clients.yaml"),
            "B12_BASE_URLS": json.dumps([base]),
            "B12_DATABASE": str(tmp_path / "b12.sqlite"),
        }
        access = {
            "access_token": ACCESS,
            "token_type": "Bearer",
            "expires_in": 60,
            "scope": "patient/*.read",
            "subject": "cds",
            "patient": "pat-7731",
        }

        with served(port, settings, tmp_path / "log") as service:

            def call(body: Any, given: str | None = None, path: str = SERVICE, **more: Any) -> None:
                given = given or token(claims(path, aud=base + path))
                sent.append(given)
                headers = {"Authorization": f"Bearer {given}", "Content-Type": "application/json"}
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                answer = requests.post(f"{service.base}{path}", data=data, headers=headers | more, timeout=20)
                statuses.append(answer.status_code)
                if answer.status_code == 401:
                    assert not any(secret in answer.text for secret in SEEDED)

            call(low_b12())
            call(low_b12(), sent[0])
            call(low_b12(), forged(header(alg="none"), claims(SERVICE, aud=base + SERVICE), None))
            call(low_b12(), token(claims(SERVICE, aud=base + SERVICE, iss="https://Quillfeather.example")))
            for _ in range(5):
                call(low_b12(prefetch={}, fhirServer=f"{address}/fhir", fhirAuthorization=access))
            call(low_b12(prefetch={}, fhirServer="https://pat-7731.example/fhir", fhirAuthorization=access))
            call(low_b12(context={"userId": "Practitioner/prac-5512", "patientId": "Quillfeather, Zebedee"}))
            call(low_b12(fhirServer=f"{address}/fhir", fhirAuthorization=access | {"patient": "NHS-9434765919"}))
            call({"hook": "Quillfeather"})
            call(json.dumps(low_b12()).encode()[:900])
            call(json.dumps({"Zebedee": "Quillfeather"}).encode() * 2)
            call(low_b12(), None, f"{SERVICE}x-pat-7731")
            call({"feedback": [{"card": "Quillfeather"}]}, None, f"{SERVICE}/feedback")
            accepted = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-01-02T03:04:05Z"}
            told = {"overrideReason": {"userComment": "Zebedee Quillfeather, NHS-9434765919"}}
            call({"feedback": [accepted | told]}, None, f"{SERVICE}/feedback")
        log = (tmp_path / "log").read_text(encoding="utf-8")

    assert {200, 400, 401, 404, 412} <= set(statuses), statuses
    assert {f"Bearer {ACCESS}"} == ehr.tokens
    lines = [json.loads(line) for line in log.splitlines()]
    assert sum(line["logger"] == "cds_hooks" and line["message"] == "call" for line in lines) >= len(statuses)
    secrets = [*SEEDED, ACCESS, *{part for given in sent for part in given.split(".") if len(part) > 8}]
    assert [secret for secret in secrets if secret in log] == []
    assert "Traceback" not in log
