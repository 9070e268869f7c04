"""The sandbox: a private FHIR server with synthetic patients, and a thin EHR that uses the service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.sandbox.fhir_server import FhirServer
    from service.sandbox.loading import Loaded


@contextmanager
def start(
    today: date, data: Path | None = None, tell: Callable[["Loaded"], None] = lambda _: None
) -> Iterator["FhirServer"]:
    """Run the FHIR server with every synthetic patient on it, their dates counted back from today.

    With `data`, a folder of FHIR files, their charts are on it instead, and `tell` is called with what was loaded.
    Raises NothingToLoad when the folder holds no resource.
    """
    # Imported here: the packages below belong to the extra `sandbox`, which production does not install.
    import requests

    from service.sandbox.fhir_server import FhirServer, ServerError
    from service.sandbox.loading import load
    from service.sandbox.patients import bundle, patients
    from service.sandbox.resources import CLINICIAN, clinician

    with FhirServer() as server, requests.Session() as session:
        session.headers["Prefer"] = "return=minimal"  # the charts need not come back
        if data is not None:
            session.put(f"{server.base}/Practitioner/{CLINICIAN}", json=clinician(), timeout=30).raise_for_status()
            tell(load(server.base, data))
        else:
            for patient in patients():
                answer = session.post(server.base, json=bundle(patient, today), timeout=30)
                if not answer.ok:
                    said = answer.text[:2000]
                    raise ServerError(f"The sandbox FHIR server refused the chart of {patient.id}: {said}")
        yield server
