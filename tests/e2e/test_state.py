"""What a running service has acknowledged is kept: killed, told to stop, or with several workers on one database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from service.serving import until_healthy
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.hook_request import of_type, patient_view
from tests.chart.render import bundle
from tests.store import postgres

from .running import COMMAND, ROOT, SERVICE, environment, free_port, ran

Json = dict[str, Any]
VEGAN = Facts(age=44, diet="vegan", labs=(("b12", 95, "ng/L"),))
KEYS = {"patient": of_type("Patient"), "b12": of_type("Observation"), "conditions": of_type("Condition")}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a service on a database that is ready."""
    common = {"B12_PROTOCOL": "us-aafp"}
    if request.param == "sqlite":
        yield common | {"B12_DATABASE": str(tmp_path / "state.sqlite3")}
        return
    with postgres.fresh(request.getfixturevalue("postgresql")) as url:
        given = common | {"B12_DATABASE": url}
        assert ran("db", "upgrade", settings=given).returncode == 0
        yield given


@contextmanager
def running(settings: dict[str, str], workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A service with several workers, all in a session of their own."""
    port = free_port()
    command = [*COMMAND, "serve", "--port", str(port), "--workers", str(workers)]
    child = subprocess.Popen(
        command,
        env=environment(settings),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert until_healthy(f"http://127.0.0.1:{port}", child)
        yield f"http://127.0.0.1:{port}{SERVICE}", child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)


def event(card: str) -> Json:
    at = datetime.now(UTC).isoformat()
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": at}


def audited(settings: dict[str, str]) -> list[Json]:
    printed = ran("audit", settings=settings)
    assert printed.returncode == 0, printed.stderr
    return [json.loads(line) for line in printed.stdout.splitlines()]


def test_a_service_that_is_killed_while_it_writes_loses_nothing_it_acknowledged(settings: dict[str, str]) -> None:
    acknowledged: list[str] = []
    with running(settings, workers=2) as (url, child):
        stop = threading.Event()

        def post(worker: int) -> None:
            number = 0
            while not stop.is_set():
                card = f"card-{worker}-{number}"
                number += 1
                try:
                    answer = requests.post(f"{url}/feedback", json={"feedback": [event(card)]}, timeout=5)
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    acknowledged.append(card)

        with ThreadPoolExecutor(6) as pool:
            posts = [pool.submit(post, worker) for worker in range(6)]
            end = time.monotonic() + 20
            while len(acknowledged) < 60 and time.monotonic() < end:
                time.sleep(0.05)
            os.killpg(child.pid, signal.SIGKILL)
            stop.set()
            for each in posts:
                each.result()

    assert len(acknowledged) >= 60
    with running(settings, workers=1) as (url, _):
        answer = requests.post(f"{url}/feedback", json={"feedback": [event("after")]}, timeout=5)
        assert answer.status_code == 200
        kept = {entry["card"] for entry in audited(settings)}
    assert {*acknowledged, "after"} - kept == set()


def test_a_service_that_is_told_to_stop_has_written_what_it_showed(settings: dict[str, str]) -> None:
    request = patient_view(bundle(VEGAN, datetime.now(UTC).date(), Choice.nth(0)), KEYS)
    shown = []
    with running(settings, workers=2) as (url, child):
        for _ in range(4):
            answer = requests.post(url, json=request | {"hookInstance": str(uuid.uuid4())}, timeout=20)
            shown += [card["uuid"] for card in answer.json()["cards"]]
        child.terminate()
        assert child.wait(10) == 0

    assert len(shown) == 8
    assert {entry["card"] for entry in audited(settings)} == set(shown)


def test_twenty_posts_of_one_event_at_once_to_four_workers_make_one_row(settings: dict[str, str]) -> None:
    body = {"feedback": [event("card-1")]}
    with running(settings, workers=4) as (url, _), ThreadPoolExecutor(20) as pool:
        posts = pool.map(lambda _: requests.post(f"{url}/feedback", json=body, timeout=20).status_code, range(20))
        assert list(posts) == [200] * 20

    assert [entry["card"] for entry in audited(settings)] == ["card-1"]


def test_a_card_that_was_shown_by_one_worker_and_overridden_at_another_is_quiet_at_all(
    settings: dict[str, str],
) -> None:
    request = patient_view(bundle(VEGAN, datetime.now(UTC).date(), Choice.nth(0)), KEYS)

    def opened() -> list[Json]:
        answer = requests.post(url, json=request | {"hookInstance": str(uuid.uuid4())}, timeout=20)
        cards: list[Json] = answer.json()["cards"]
        return cards

    with running(settings, workers=4) as (url, _):
        treatment, workup = opened()
        override = event(treatment["uuid"]) | {"overrideReason": {"reason": treatment["overrideReasons"][2]}}
        assert requests.post(f"{url}/feedback", json={"feedback": [override]}, timeout=20).status_code == 200
        # The record of what was shown waits for others, but not long.
        time.sleep(1.5)
        assert [[card["summary"] for card in opened()] for _ in range(12)] == [[workup["summary"]]] * 12
