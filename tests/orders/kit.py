"""A clinician about to order: a patient in facts, the unsigned orders, and what the service answers over HTTP."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from functools import cache
from typing import Any

import flask
import flask.testing
import msgspec

from cds_hooks.blueprint import serve
from cds_hooks.clients import Client
from cds_hooks.door import Door
from cds_hooks.gate import Gate
from cds_hooks.invariants import check_response
from cds_hooks.prefetch import FetchFailed
from service.evaluate import shipped
from service.hooks import Desk, registry
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.hook_request import patient_view
from tests.chart.render import bundle
from tests.chart.resources import PATIENT, ROUTES, UCUM
from tests.store.clinic import KEYS
from tests.vignettes import TODAY

Json = dict[str, Any]
ME = {"reference": PATIENT}
RX, ATC, SCT, LOINC = (
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://www.whocc.no/atc",
    "http://snomed.info/sct",
    "http://loinc.org",
)
HYDROXO = ("hydroxocobalamin 1 mg/mL solution for injection", (ATC, "B03BA03"))
CYANO_INJECTION = ("cyanocobalamin 1 MG/ML Injectable Solution", (RX, "309594"))
CYANO = ("cyanocobalamin", (RX, "11248"))
TABLETS = ("vitamin B12 1 MG Oral Tablet", (RX, "309593"))
SMALL_TABLETS = ("vitamin B12 0.05 MG Oral Tablet", (RX, "105686"))
FOLIC_ACID = ("folic acid 5 MG Oral Tablet", (RX, "4511"))
METFORMIN = ("metformin", (RX, "6809"))
OMEPRAZOLE = ("omeprazole", (RX, "7646"))
LISINOPRIL = ("lisinopril", (RX, "29046"))
LOW = [["b12", 110, "ng/L"]]


@cache
def service(protocol: str) -> flask.testing.FlaskClient:
    """The service on the vignettes' day, without a memory."""
    app = flask.Flask(protocol)
    services = registry(Desk(shipped(), protocol, lambda: TODAY))
    gate = Gate(anyone=Client(name="anyone", registry=services))
    serve(app, Door(gate=gate, fetch=no_fetch, debug_invariants=True))
    return app.test_client()


def no_fetch(server: str, path: str, token: str | None, deadline: float) -> bytes:
    raise FetchFailed("no server in these tests")


def draft(
    medicine: tuple[str, tuple[str, str]],
    *,
    name: str = "request-123",
    route: str | None = None,
    dose: tuple[float, str] | None = None,
    every: tuple[int, str] | None = None,
    days: int | None = None,
    today: date = TODAY,
    **changes: Any,
) -> Json:
    """A draft MedicationRequest as a sound EHR sends it; `...` takes an element away."""
    text, (system, code) = medicine
    dosage: Json = {}
    if dose is not None:
        dosage["text"] = f"{dose[0]} {dose[1]}" + (f" {route}" if route else "")
        amount = {"value": dose[0], "unit": dose[1], "system": UCUM, "code": dose[1]}
        dosage["doseAndRate"] = [{"doseQuantity": amount}]
    if every is not None:
        repeat: Json = {"frequency": 1, "period": every[0], "periodUnit": every[1]}
        if days is not None:
            end = today + timedelta(days=days - 1)
            repeat = {"boundsPeriod": {"start": today.isoformat(), "end": end.isoformat()}} | repeat
        dosage["timing"] = {"repeat": repeat}
    if route is not None:
        sct, display = ROUTES[route]
        dosage["route"] = {"coding": [{"system": SCT, "code": sct, "display": display}]}
    made = {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": system, "code": code, "display": text}], "text": text},
        "subject": ME,
        "authoredOn": today.isoformat(),
        **({"dosageInstruction": [dosage]} if dosage else {}),
    } | changes
    return {key: value for key, value in made.items() if value is not ...}


def injection(medicine: tuple[str, tuple[str, str]] = HYDROXO, **changes: Any) -> Json:
    """An injection into muscle as the UK protocol begins: three times a week for two weeks, as alternate days."""
    said: Json = {"route": "intramuscular", "dose": (1, "mg"), "every": (3, "mo")}
    return draft(medicine, **(said | changes))


def tablets(medicine: tuple[str, tuple[str, str]] = TABLETS, **changes: Any) -> Json:
    said: Json = {"route": "oral", "dose": (1, "mg"), "every": (1, "d")}
    return draft(medicine, **(said | changes))


def drafts(*orders: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order} for order in orders]}


def facts(**said: Any) -> Facts:
    return msgspec.convert({"age": 50} | said, Facts)


def request(hook: str, patient: Facts, today: date = TODAY, **context: Any) -> Json:
    chart = bundle(patient, today, Choice.nth(0))
    asked = patient_view(chart, KEYS)
    asked |= {"hook": hook, "hookInstance": str(uuid.uuid4())}
    asked["context"] |= context
    return asked


class Said:
    """One answer."""

    def __init__(self, answer: Json) -> None:
        assert check_response(answer) == ()
        self.answer = answer
        self.cards: list[Json] = answer["cards"]
        self.drafts: Json = answer["extension"].get("org.b12-cds.drafts", {})

    @property
    def kinds(self) -> list[str]:
        """What is found, order by order."""
        return [kind for read in self.drafts.get("read", ()) for kind in read.get("findings", ())]

    @property
    def card(self) -> Json:
        (only,) = self.cards
        return only

    @property
    def actions(self) -> list[list[Json]]:
        """The actions of each suggestion."""
        return [s["actions"] for card in self.cards for s in card.get("suggestions", ())]

    def updated(self) -> Json:
        """The one resource that would be updated."""
        (only,) = [a["resource"] for actions in self.actions for a in actions if a["type"] == "update"]
        return only


def asked_at(hook: str, protocol: str, patient: Facts, *orders: Json, **context: Any) -> Said:
    """What is answered to these unsigned orders; at order-select all are selected unless said."""
    if hook == "order-select":
        context = {"selections": [f"{o['resourceType']}/{o['id']}" for o in orders]} | context
    name = "medications" if hook == "medication-refill" else "draftOrders"
    asked = request(hook, patient, **({name: drafts(*orders)} | context))
    return Said(posted(service(protocol), asked))


def at_sign(protocol: str, patient: Facts, *orders: Json) -> Said:
    return asked_at("order-sign", protocol, patient, *orders)


def posted(http: flask.testing.FlaskClient, asked: Json, status: int = 200) -> Json:
    response = http.post(f"/cds-services/b12-{asked['hook']}", json=asked)
    assert response.status_code == status, response.data
    answer: Json = response.get_json()
    return answer
