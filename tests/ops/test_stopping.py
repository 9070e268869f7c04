"""Told to stop, the service ends the calls it has begun; a worker that dies takes no call of another with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import flask
import pytest
import requests
from sqlalchemy import select

from service.serving import THREADS
from service.store.database import opened
from service.store.tables import Shown
from tests.cds_hooks.kit import serving
from tests.e2e.chart import low_b12
from tests.e2e.running import SERVICE

from .kit import Process, children, running

SLOW = 1.5


class SlowEhr:
    """A FHIR server that takes its time over every answer, and counts the calls that ask it for the patient."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def app(self) -> flask.Flask:
        app = flask.Flask("ehr")
        sent = low_b12()["prefetch"]

        @app.get("/fhir/<path:path>")
        def answer(path: str) -> Any:
            with self._lock:
                self.asked += path.startswith("Patient/")
            time.sleep(SLOW)
            if path.startswith("Patient/"):
                return flask.jsonify(sent["patient"])
            return flask.jsonify(sent["b12"] if path == "Observation" else sent["conditions"])

        return app


@pytest.fixture
def ehr() -> SlowEhr:
    return SlowEhr()


@pytest.fixture
def base(ehr: SlowEhr) -> Iterator[str]:
    with serving(ehr.app()) as address:
        yield f"{address}/fhir"


def settings(base: str, folder: Path) -> dict[str, str]:
    return {
        "B12_PROTOCOL": "uk-ng239",
        "B12_FHIR_SERVERS": f'["{base}"]',
        "B12_FETCH_SECONDS": "20",
        "B12_DATABASE": str(folder / "state.sqlite3"),
    }


def slow_call(service: Process, base: str) -> requests.Response:
    return service.call(low_b12(prefetch={}, fhirServer=base, hookInstance=str(uuid4())))


def until(true: Any, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_told_to_stop_it_answers_every_call_that_it_has_begun(tmp_path: Path, ehr: SlowEhr, base: str) -> None:
    with running(settings(base, tmp_path), tmp_path / "log", workers=2) as service, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(slow_call, service, base) for _ in range(6)]
        until(lambda: ehr.asked >= 6)
        service.process.terminate()
        answers = [call.result() for call in calls]
        ended = service.process.wait(20)

        assert [answer.status_code for answer in answers] == [200] * 6
        assert all(answer.json()["cards"] for answer in answers)
        assert ended == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{service.base}/healthz", timeout=2)


def test_told_to_stop_it_answers_the_calls_that_still_wait_for_a_thread(
    tmp_path: Path, ehr: SlowEhr, base: str
) -> None:
    with running(settings(base, tmp_path), tmp_path / "log", workers=1) as service, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(slow_call, service, base) for _ in range(THREADS + 2)]
        until(lambda: ehr.asked >= THREADS)
        time.sleep(0.7)
        assert ehr.asked == THREADS
        service.process.terminate()

        answers = [call.result() for call in calls]
        assert [each.status_code for each in answers] == [200] * len(calls), [each.text[:600] for each in answers]
        assert service.process.wait(20) == 0


def test_a_worker_that_still_loads_ends_at_once(tmp_path: Path) -> None:
    """Its patience is for calls, and it has none yet."""
    patient = {"B12_PROTOCOL": "uk-ng239", "B12_STOP_SECONDS": "60", "B12_DATABASE": str(tmp_path / "state.sqlite3")}
    with running(patient, tmp_path / "log", workers=1) as service:
        (first,) = children(service.process.pid)
        os.kill(first, signal.SIGKILL)
        until(lambda: first not in children(service.process.pid) and children(service.process.pid), 30)
        time.sleep(0.2)
        began = time.monotonic()
        service.process.terminate()
        service.process.wait(40)

        assert time.monotonic() - began < 30


def test_a_call_that_hangs_does_not_keep_it_for_ever(tmp_path: Path, ehr: SlowEhr, base: str) -> None:
    impatient = settings(base, tmp_path) | {"B12_STOP_SECONDS": "1"}
    with running(impatient, tmp_path / "log", workers=1) as service, ThreadPoolExecutor(1) as pool:
        call = pool.submit(slow_call, service, base)
        until(lambda: ehr.asked >= 1)
        began = time.monotonic()
        service.process.terminate()
        service.process.wait(20)

        assert time.monotonic() - began < 2 * SLOW + 3  # its four queries would take longer, were they waited for
        with suppress(requests.ConnectionError):
            call.result()


def ends(port: int) -> dict[int, str]:
    """Under the port of each caller, the socket at the service's end of its connection."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[place].partition(":")[2], 16) for place in (1, 2))
        if local == port and fields[3] == "01":
            found[remote] = f"socket:[{fields[9]}]"
    return found


def holder(socket: str, workers: list[int]) -> int:
    """The worker that has a socket open."""
    for worker in workers:
        for file in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(OSError):
                if str(file.readlink()) == socket:
                    return worker
    raise LookupError(socket)


class Caller(threading.Thread):
    """Calls over one connection, again and again, and keeps what became of each call."""

    def __init__(self, service: Process) -> None:
        super().__init__(daemon=True)
        self._service, self._enough = service, threading.Event()
        self._session = requests.Session()
        self.port = 0
        self.ended: list[tuple[float, int]] = []
        self.connect()

    def connect(self) -> None:
        with self._session.get(f"{self._service.base}/healthz", timeout=5, stream=True) as answer:
            self.port = answer.raw.connection.sock.getsockname()[1]
            answer.content  # noqa: B018 - so that the connection is kept

    def run(self) -> None:
        while not self._enough.is_set():
            status = 0
            with suppress(requests.RequestException):
                body = low_b12(hookInstance=str(uuid4()))
                status = self._session.post(f"{self._service.base}{SERVICE}", json=body, timeout=10).status_code
            self.ended.append((time.monotonic(), status))

    def end(self) -> None:
        self._enough.set()
        self.join(15)


def connected(service: Process, workers: list[int]) -> dict[Caller, int]:
    """Eight callers and the worker that each is connected to: every worker has at least two, once all listen."""
    port, end = int(service.base.rpartition(":")[2]), time.monotonic() + 60
    while True:
        callers = [Caller(service) for _ in range(8)]
        sockets = ends(port)
        held = {caller: holder(sockets[caller.port], workers) for caller in callers}
        if all(list(held.values()).count(worker) >= 2 for worker in workers):
            return held
        assert time.monotonic() < end, held
        time.sleep(0.2)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="which worker has a connection is read from /proc")
def test_a_worker_that_is_killed_under_load_loses_no_call_of_another_and_is_replaced(tmp_path: Path, base: str) -> None:
    with running(settings(base, tmp_path), tmp_path / "log", workers=2) as service:
        workers = children(service.process.pid)
        held = connected(service, workers)
        callers = list(held)
        victim = held[callers[0]]
        spared = [caller for caller in callers if held[caller] != victim]
        for caller in callers:
            caller.start()
        until(lambda: all(len(caller.ended) >= 5 for caller in callers))

        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: all(len([at for at, _ in caller.ended if at > killed]) >= 20 for caller in callers), 30)
        until(lambda: len(children(service.process.pid)) == 2)
        for caller in callers:
            caller.end()

        lost = sum(status != 200 for caller in callers for _, status in caller.ended)
        assert [status for caller in spared for _, status in caller.ended if status != 200] == []
        # Each of its connections had one call under way at most, and the next may still reach the dying listener.
        assert lost <= 2 * (len(callers) - len(spared))
        assert victim not in children(service.process.pid)
        assert sum(len(caller.ended) for caller in callers) > 8 * 25


_ENDING = """
import sys
from service.app import create_app
from service.settings import Settings
from service.watch.logs import configure
from tests.e2e.chart import low_b12

configure("json")
client = create_app(Settings(protocol="uk-ng239", authentication="off", database=sys.argv[1])).test_client()
held = []
for buffered in (True, False):
    # The second is answered, and its server ends before it says so.
    answer = client.post("/cds-services/b12-patient-view", json=low_b12(), buffered=buffered)
    assert answer.status_code == 200
    held.append(answer)
if sys.argv[2] == "forked":
    from multiprocessing.util import _exit_function
    import os
    _exit_function()
    sys.stderr.flush()
    os._exit(0)
"""


@pytest.mark.parametrize("how", ["forked", "alone"])
def test_a_call_that_was_answered_as_the_process_ended_is_remembered_and_logged(tmp_path: Path, how: str) -> None:
    """A forked worker ends without the interpreter's own end."""
    file = str(tmp_path / "state.sqlite3")
    ended = subprocess.run([sys.executable, "-c", _ENDING, file, how], capture_output=True, text=True, check=True)

    lines = [line for line in ended.stderr.splitlines() if '"message":"call"' in line]
    with opened(file).reading() as connection:
        shown = connection.scalars(select(Shown.card)).all()
    assert len(lines) == 2
    assert len(shown) == sum(json.loads(line)["cards"] for line in lines)
