"""A CDS service that says always the same, so that the EHR side can be tested alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

MEDICINE = "Test vitamin 1 mg tablets"
HOSTILE = "**Found**: B12 95 ng/L <script>alert('x')</script> [bad](javascript:alert(1)) ![p](http://x.invalid/p.png)"


def order(patient: str, text: str, identity: str) -> dict[str, Any]:
    """A proposed order as a service makes it."""
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "draft",
        "intent": "proposal",
        "medicationCodeableConcept": {"text": text},
        "subject": {"reference": f"Patient/{patient}"},
        "dosageInstruction": [{"text": "One tablet a day for 8 weeks"}],
        "dispenseRequest": {"quantity": {"value": 56, "unit": "tablet"}},
    }


def card(patient: str) -> dict[str, Any]:
    """A treatment card with two suggestions, the first recommended, and hostile text."""
    follow = order(patient, f"{MEDICINE}, maintenance", "step-2")
    follow["basedOn"] = [{"reference": "MedicationRequest/step-1"}]
    work_up = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": {"text": "Test methylmalonic acid"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    create = [
        {"type": "create", "description": "Start", "resource": resource}
        for resource in (order(patient, MEDICINE, "step-1"), follow)
    ]
    return {
        "uuid": "card-1",
        "summary": "Vitamin B12 deficiency <b>confirmed</b>",
        "indicator": "critical",
        "detail": HOSTILE,
        "source": {"label": "Test guideline", "url": "https://guideline.invalid/"},
        "selectionBehavior": "at-most-one",
        "overrideReasons": [{"system": "urn:reasons", "code": "refused", "display": "Patient refuses"}],
        "suggestions": [
            {"label": "Recommended: tablets", "uuid": "s-1", "isRecommended": True, "actions": create},
            {
                "label": "Work-up",
                "uuid": "s-2",
                "actions": [{"type": "create", "description": "Test", "resource": work_up}],
            },
        ],
        "links": [{"label": "Bad link", "url": "javascript:alert(2)", "type": "absolute"}],
    }


def assessment(status: str, protocol: str) -> dict[str, Any]:
    """The machine-readable part."""
    return {
        "protocol": {"id": protocol, "version": "1.0"},
        "status": status,
        "rule": "K3",
        "causes": [
            {"id": "pernicious_anaemia", "mechanism": "autoimmune-gastritis", "certainty": "probable", "basis": []}
        ],
        "options": [
            {
                "recommended": True,
                "regimen": "US-IM-TRAD",
                "route": "intramuscular",
                "drug": "cyanocobalamin",
                "duration": "lifelong",
            }
        ],
        "notices": [],
    }


def app() -> Flask:
    """Discovery and one service; `broken` and `silent` in app.config make it fail."""
    service = Flask("fake")
    service.config.update(broken=False, requests=[], feedback=[])

    @service.get("/cds-services")
    def discovery() -> ResponseReturnValue:
        templates = {
            "patient": "Patient/{{context.patientId}}",
            "b12": "Observation?patient={{context.patientId}}&code=http://loinc.org|2132-9&_sort=-date&_count=20",
            "meds": "MedicationRequest?patient={{context.patientId}}&_count=100",
            "visit": "Encounter/{{context.encounterId}}",
            "absent": "Patient/nobody",
        }
        return jsonify(services=[{"id": "b12-patient-view", "hook": "patient-view", "prefetch": templates}])

    @service.post("/cds-services/b12-patient-view")
    def call() -> ResponseReturnValue:
        body = request.get_json()
        service.config["requests"].append(body)
        if service.config["broken"]:
            issue = {"severity": "error", "code": "required", "diagnostics": "prefetch.b12 cannot be had"}
            return jsonify(resourceType="OperationOutcome", issue=[issue]), 412
        orders = [entry["resource"] for entry in body["prefetch"]["meds"].get("entry", [])]
        known = {each["status"] for each in orders if each["medicationCodeableConcept"]["text"] == MEDICINE}
        status = "on-treatment" if "active" in known else "confirmed"
        pending = {"summary": "Draft pending", "indicator": "info", "source": {"label": "Test guideline"}}
        patient = body["context"]["patientId"]
        cards = [] if "active" in known else [pending] if "draft" in known else [card(patient)]
        protocol = body.get("extension", {}).get("org.b12-cds.protocol", "us-aafp")
        return jsonify(cards=cards, extension={"org.b12-cds.assessment": assessment(status, protocol)})

    @service.post("/cds-services/b12-patient-view/feedback")
    def feedback() -> ResponseReturnValue:
        if service.config["broken"]:
            return jsonify(resourceType="OperationOutcome", issue=[{"diagnostics": "no database"}]), 503
        service.config["feedback"] += request.get_json()["feedback"]
        return "", 200

    return service


@contextmanager
def serve(service: Flask) -> Iterator[str]:
    """Run a Flask app on a free loopback port, as another process would see it."""
    server = make_server("127.0.0.1", 0, service, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
