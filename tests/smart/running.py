"""The whole application with its demo EHR on loopback: launched, it shows the story of a patient with a past."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from service.app import create_app
from service.sandbox import start
from service.settings import Settings
from tests.smart.charted import chart


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class Running:
    """Where everything is."""

    base: str
    fhir: str
    today: date
    app: Flask

    def launch(self, patient: str, context: str | None = None) -> str:
        """The address at which the app is launched for a patient."""
        demo = self.app.extensions["sandbox_auth"]
        address: str = demo.launch(f"{self.base}/smart/launch", patient, context)
        return address


def write_chart(folder: Path, today: date) -> Path:
    """Write the patient's chart as a file that a FHIR server can load."""
    entries = [{"resource": resource} for resource in chart(today)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (folder / "ada.json").write_text(json.dumps(bundle), encoding="utf-8")
    return folder


@contextmanager
def running(folder: Path, protocol: str = "uk-ng239") -> Iterator[Running]:
    today = Settings(database="none").today()
    with start(today, write_chart(folder, today)) as server:
        late: list[Flask] = []
        front = make_server("127.0.0.1", 0, lambda e, s: late[0](e, s), threaded=True, request_handler=Quiet)
        base = f"http://127.0.0.1:{front.server_port}"
        app = create_app(
            Settings(
                protocol=protocol,
                authentication="off",
                database="none",
                sandbox_fhir=server.base,
                sandbox_service=base,
                smart_url=f"{base}/smart",
            )
        )
        late.append(app)
        thread = threading.Thread(target=front.serve_forever, daemon=True)
        thread.start()
        try:
            yield Running(base, server.base, today, app)
        finally:
            front.shutdown()
            thread.join(5)
            front.server_close()
