"""A clinic with the service and its memory: charts are opened, cards answered, and time goes by."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import flask.testing

from service.app import create_app
from service.evaluate import shipped
from service.memory import Memory
from service.settings import Settings
from service.store.database import Database
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.hook_request import Belongs, of_type, patient_view
from tests.chart.render import bundle

Json = dict[str, Any]
URL = "/cds-services/b12-patient-view"
DOCTOR, COLLEAGUE = "Practitioner/doctor", "Practitioner/colleague"
KEYS: dict[str, Belongs] = {
    "patient": of_type("Patient"),
    "b12": of_type("Observation"),
    "bloods": of_type("None"),
    "conditions": of_type("Condition"),
    "medicationRequests": of_type("MedicationRequest"),
    "medicationStatements": of_type("MedicationStatement"),
    "medicationAdministrations": of_type("MedicationAdministration"),
    "allergies": of_type("AllergyIntolerance"),
    "procedures": of_type("Procedure"),
    "familyHistory": of_type("FamilyMemberHistory"),
}


class Clinic:
    """One service on one database."""

    def __init__(self, where: str, protocol: str = "us-aafp", **settings: Any) -> None:
        given = {"protocol": protocol, "authentication": "off", "database": where} | settings
        app = create_app(Settings(**given), shipped())
        self._memory: Memory = app.extensions["memory"]
        self._http: flask.testing.FlaskClient = app.test_client()
        self.database: Database = self._memory.database

    def writes(self) -> None:
        """What waits is written now."""
        self._memory.flush()

    def closes(self) -> None:
        """All that waits is written."""
        self._memory.close()

    def opens(self, facts: Facts, user: str = DOCTOR, patient: str | None = None, **changes: Any) -> list[Json]:
        """The cards that are shown to whoever opens the chart."""
        response = self.called(facts, user, patient, **changes)
        assert response.status_code == 200, response.data
        cards: list[Json] = response.get_json()["cards"]
        return cards

    def called(self, facts: Facts, user: str = DOCTOR, patient: str | None = None, **changes: Any) -> Any:
        request = patient_view(bundle(facts, datetime.now(UTC).date(), Choice.nth(0)), KEYS)
        request |= {"hookInstance": str(uuid.uuid4())} | changes
        request["context"]["userId"] = user
        if patient is not None:
            request = _renamed(request, request["context"]["patientId"], patient)
        return self._http.post(URL, json=request)

    def said(self, *items: Json) -> Any:
        return self._http.post(f"{URL}/feedback", json={"feedback": list(items)})

    def overrides(self, card: Json, reason: str | None = None, days_ago: float = 0) -> None:
        item: Json = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": _instant(days_ago)}
        if reason is not None:
            (coding,) = [each for each in card["overrideReasons"] if each["code"] == reason] or [
                {"code": reason, "system": card["overrideReasons"][0]["system"]}
            ]
            item["overrideReason"] = {"reason": {name: coding[name] for name in ("code", "system")}}
        assert self.said(item).status_code == 200

    def accepts(self, card: Json, days_ago: float = 0) -> None:
        taken = [{"id": card["suggestions"][0]["uuid"]}]
        item = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": _instant(days_ago)}
        assert self.said(item | {"acceptedSuggestions": taken}).status_code == 200


def kinds(cards: list[Json]) -> list[str]:
    """Which cards these are: the treatment card lets at most one suggestion be chosen."""
    return ["workup" if card.get("selectionBehavior") == "any" else "treatment" for card in cards]


def _instant(days_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days_ago)).isoformat().replace("+00:00", "Z")


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(child, old, new) for key, child in value.items()}
    if isinstance(value, list):
        return [_renamed(child, old, new) for child in value]
    return value.replace(old, new) if isinstance(value, str) else value
