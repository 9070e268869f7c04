"""Patients made for one test each, so that what a test signs or changes is nobody else's."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date
from typing import Any

import requests

from service.sandbox.patients import bundle, patients

Json = dict[str, Any]


def newcomer(base: str, like: str, today: date) -> str:
    """Put a new patient with the chart of a sandbox patient on the FHIR server; returns the id."""
    known = next(patient for patient in patients() if patient.id == like)
    made = replace(known, id=f"{like}-{uuid.uuid4().hex[:8]}")
    requests.post(base, json=bundle(made, today), timeout=20).raise_for_status()
    return made.id


def request_for(patient: str, **changes: Any) -> Json:
    """A patient-view call; a change to `...` leaves the element out."""
    whole: Json = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/sandbox-clinician", "patientId": patient},
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}
