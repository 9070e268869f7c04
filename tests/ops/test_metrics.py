"""What Prometheus is told: true counts of all workers, at an address of its own, for next to nothing a call."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from timeit import repeat
from typing import Any

import flask
import pytest
import requests
from flask import Flask

from cds_hooks.correlation import CURRENT, Exchange
from cds_hooks.trace import Trace
from service.app import create_app
from service.settings import Settings, WrongSettings
from service.watch.exposed import counted_together
from service.watch.metrics import Metrics
from tests.cds_hooks.kit import serving
from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token
from tests.e2e.chart import SEEDED, low_b12
from tests.e2e.running import SERVICE, free_port, ran

from .kit import children, running

#: Half of what a call may pay for all of it; measured: 0.5.
MICROSECONDS = 15.0
BASE = "https://cds.example"


def count(text: str, name: str, **labels: str) -> float:
    """The sum of a metric over every line that has these labels."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M)
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for said, value in found if all(each in said for each in wanted))


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    (tmp_path / "keys.json").write_bytes(jwks(jwk(ec())))
    (tmp_path / "clients.yaml").write_text(
        """issuers:
  - issuer: https://ehr.example
    keys-file: keys.json
    clients:
      - {name: ward, protocol: uk-ng239, fhir-servers: ["http://127.0.0.1:9/fhir"]}
""",
        encoding="utf-8",
    )
    return create_app(
        Settings(
            clients=tmp_path / "clients.yaml",
            base_urls=(BASE,),
            metrics="127.0.0.1:9464",
            database=str(tmp_path / "state.sqlite3"),
        )
    )


def told(app: Flask) -> str:
    metrics: Metrics = app.extensions["metrics"]
    return metrics.text().decode()


def call(app: Flask, body: Any, given: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {given or token(claims(SERVICE, aud=BASE + SERVICE))}"}
    return app.test_client().post(SERVICE, json=body, headers=headers).status_code


def test_calls_cards_prefetch_refusals_and_replays_are_counted(app: Flask) -> None:
    once = token(claims(SERVICE, aud=BASE + SERVICE))
    statuses = [call(app, low_b12(), once), call(app, low_b12(), once), call(app, low_b12()), call(app, {})]
    text = told(app)

    assert statuses == [200, 401, 200, 400]
    assert count(text, "b12_cds_calls_total", status="200", service="b12-patient-view") == 2
    assert count(text, "b12_cds_calls_total", status="401") == 1
    assert count(text, "b12_cds_call_seconds_count", kind="call") == 4
    assert count(text, "b12_cds_cards_total", rule="K3", said="yes", indicator="warning") == 2
    assert count(text, "b12_cds_prefetch_total", key="b12", state="sent") == 2
    assert count(text, "b12_cds_prefetch_total", key="allergies", state="none") == 2
    assert count(text, "b12_cds_replays_total") == 1
    assert count(text, "b12_cds_refusals_total", why="replay") == 1
    assert count(text, "b12_cds_refusals_total", why="MalformedRequest") == 1
    assert [secret for secret in SEEDED if secret in text] == []


def test_a_query_that_fails_is_told_by_its_server_and_its_reason(app: Flask) -> None:
    assert call(app, low_b12(prefetch={}, fhirServer="http://127.0.0.1:9/fhir")) == 412
    text = told(app)

    assert (
        count(text, "b12_cds_upstream_seconds_count", server="127.0.0.1", outcome="the FHIR server cannot be reached")
        > 5
    )
    assert count(text, "b12_cds_prefetch_total", state="failed") > 5


def test_a_server_that_nobody_listed_makes_no_line(app: Flask) -> None:
    """A caller must not be able to make as many names as it likes."""
    assert call(app, low_b12(prefetch={}, fhirServer="https://pat-7731.example/fhir")) == 412

    assert "pat-7731" not in told(app)
    assert count(told(app), "b12_cds_upstream_seconds_count") == 0


def test_rows_that_wait_for_the_database_are_told(app: Flask) -> None:
    memory = app.extensions["memory"]
    memory.close()
    assert count(told(app), "b12_cds_store_waiting") == 0
    memory._writer._rows.extend([None] * 7)
    assert count(told(app), "b12_cds_store_waiting") == 7
    memory._writer._rows.clear()


def test_without_the_setting_nothing_is_counted_and_the_library_is_not_loaded() -> None:
    code = (
        "import sys; from service.app import create_app; from service.settings import Settings;"
        "create_app(Settings(protocol='uk-ng239', authentication='off', database='none'));"
        "sys.exit('prometheus_client' in sys.modules or 'opentelemetry.sdk' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False, timeout=60)

    assert ended.returncode == 0


def test_the_public_address_has_no_metrics(app: Flask) -> None:
    assert app.test_client().get("/metrics").status_code == 404


def test_what_a_call_pays_for_being_counted_is_next_to_nothing() -> None:
    metrics = Metrics()
    trace = Trace("b12-patient-view", states=dict.fromkeys("abcdefghij", "sent"))
    seconds = min(repeat(lambda: metrics.ended(trace, 200), number=2000, repeat=15)) / 2000

    assert seconds * 1e6 < MICROSECONDS


def test_what_all_of_watching_costs_a_call_stays_below_thirty_microseconds() -> None:
    """The notes, and adding them up behind the calls, which takes the same processor."""
    metrics = Metrics()
    CURRENT.set(Exchange("x", watch=(metrics,)))
    trace = Trace("b12-patient-view", states=dict.fromkeys("abcdefghij", "sent"))

    def calls() -> None:
        for _ in range(1000):
            metrics.ended(trace, 200)
            metrics.said("b12-patient-view", "K3", False, ("warning", "info"))
        metrics.add()

    assert min(repeat(calls, number=1, repeat=10)) / 1000 * 1e6 < 30


@pytest.fixture
def silent_ehr() -> Iterator[str]:
    ehr = flask.Flask("ehr")

    @ehr.get("/fhir/<path:path>")
    def answer(path: str) -> Any:
        if path.startswith("Patient/"):
            return flask.jsonify(low_b12()["prefetch"]["patient"])
        return flask.jsonify({"resourceType": "Bundle", "type": "searchset"})

    with serving(ehr) as address:
        yield f"{address}/fhir"


def test_whichever_worker_is_asked_tells_of_all_and_forgets_nothing_of_one_that_was_killed(
    tmp_path: Path, silent_ehr: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "B12_PROTOCOL": "uk-ng239",
        "B12_METRICS": address,
        "B12_FHIR_SERVERS": f'["{silent_ehr}"]',
        "B12_DATABASE": str(tmp_path / "state.sqlite3"),
    }

    def scraped() -> str:
        # A worker that was killed takes along the connections that it had not accepted yet.
        for _ in range(20):
            try:
                return requests.get(f"http://{address}/metrics", timeout=5).text
            except requests.ConnectionError:
                time.sleep(0.2)
        raise AssertionError("nobody tells")

    def until(name: str, wanted: float, **labels: str) -> None:
        end = time.monotonic() + 45
        while count(scraped(), name, **labels) != wanted:
            assert time.monotonic() < end, scraped()
            time.sleep(0.2)

    with running(settings, tmp_path / "log", workers=2) as service:
        for _ in range(20):
            assert service.call(low_b12()).status_code == 200
        assert service.call(low_b12(prefetch={}, fhirServer=silent_ehr)).status_code == 200
        until("b12_cds_calls_total", 21, status="200")
        assert [count(scraped(), "b12_cds_calls_total", status="200") for _ in range(8)] == [21] * 8
        assert count(scraped(), "b12_cds_upstream_seconds_count", server="127.0.0.1", outcome="ok") > 5

        os.kill(children(service.process.pid)[0], signal.SIGKILL)
        time.sleep(1)
        for _ in range(5):
            assert service.call(low_b12()).status_code == 200
        until("b12_cds_calls_total", 26, status="200")
        until("b12_cds_store_waiting", 0)
        assert requests.get(f"http://{address}/cds-services", timeout=5).status_code == 404
        assert requests.get(f"{service.base}/metrics", timeout=5).status_code == 404


def test_an_address_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        ended = ran("serve", settings={"B12_PROTOCOL": "uk-ng239", "B12_METRICS": address})

    assert ended.returncode == 1
    assert f"B12_METRICS: cannot listen at {address}" in ended.stderr.decode()


def test_a_machine_without_room_to_count_in_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(WrongSettings, match="TMPDIR"), counted_together(f"127.0.0.1:{free_port()}"):
        pass
