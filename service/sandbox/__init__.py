"""The sandbox: a private FHIR server with synthetic patients, and a thin EHR that uses the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.sandbox.fhir_server import FhirServer


@contextmanager
def start(today: date) -> Iterator["FhirServer"]:
    """Run the FHIR server with every synthetic patient on it, their dates counted back from today."""
    # Imported here: the packages below belong to the extra `sandbox`, which production does not install.
    import requests

    from service.sandbox.fhir_server import FhirServer, ServerError
    from service.sandbox.patients import bundle, patients

    with FhirServer() as server, requests.Session() as session:
        session.headers["Prefer"] = "return=minimal"  # the charts need not come back
        for patient in patients():
            answer = session.post(server.base, json=bundle(patient, today), timeout=30)
            if not answer.ok:
                raise ServerError(f"The sandbox FHIR server refused the chart of {patient.id}: {answer.text[:2000]}")
        yield server
