"""`/readyz` tells the truth: not ready while what an answer depends on is gone, ready again once it is back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from cds_hooks import keys
from service.app import create_app
from service.settings import Settings
from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token
from tests.e2e.chart import low_b12
from tests.e2e.running import SERVICE, ran
from tests.e2e.test_state import event

from .kit import Process, running
from .servers import postgres, redis_server

CLIENTS = """issuers:
  - issuer: https://ehr.example
    {keys}
    clients:
      - {{name: ward, protocol: uk-ng239}}
"""
PATIENCE = 60.0


def ready(base: str) -> tuple[int, Any]:
    answer = requests.get(f"{base}/readyz", timeout=15)
    return answer.status_code, answer.json()["checks"]


def until(base: str, status: int) -> Any:
    """Wait until every worker says so; the checks."""
    end = time.monotonic() + PATIENCE
    while True:
        found = [ready(base) for _ in range(6)]
        if {each for each, _ in found} == {status}:
            return found[0][1]
        assert time.monotonic() < end, found
        time.sleep(0.2)


def alive(base: str) -> bool:
    return requests.get(f"{base}/healthz", timeout=5).status_code == 200


def answered(service: Process) -> int:
    return service.call(low_b12(hookInstance=str(uuid4()))).status_code


def test_without_its_database_it_is_not_ready_and_still_answers_and_with_it_again_it_keeps_feedback(
    tmp_path: Path,
) -> None:
    with postgres() as database:
        settings = {"B12_PROTOCOL": "uk-ng239", "B12_DATABASE": database.url}
        assert ran("db", "upgrade", settings=settings).returncode == 0
        with running(settings, tmp_path / "log", workers=2) as service:
            assert until(service.base, 200)["store"] == "ok"
            assert answered(service) == 200
            feedback = {"feedback": [event("card-1")]}

            database.stop()
            assert until(service.base, 503)["store"] == "unreachable"
            assert alive(service.base)
            # A card that cannot be looked up is said; feedback that cannot be kept is not acknowledged.
            assert answered(service) == 200
            refused = requests.post(f"{service.base}{SERVICE}/feedback", json=feedback, timeout=15)
            assert refused.status_code == 503

            database.start()
            assert until(service.base, 200)["store"] == "ok"
            kept = requests.post(f"{service.base}{SERVICE}/feedback", json=feedback, timeout=15)
            assert kept.status_code == 200
        audited = ran("audit", settings=settings).stdout.splitlines()
        assert [json.loads(line)["card"] for line in audited if json.loads(line)["card"] == "card-1"] == ["card-1"]


def test_without_the_redis_of_used_tokens_it_is_not_ready_and_refuses_rather_than_guess(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(jwk(ec())))
    (tmp_path / "clients.yaml").write_text(CLIENTS.format(keys="keys-file: keys.json"), encoding="utf-8")
    base_url = "https://cds.example"

    def called(service: Process) -> int:
        given = token(claims(SERVICE, aud=base_url + SERVICE))
        return service.call(low_b12(hookInstance=str(uuid4())), Authorization=f"Bearer {given}").status_code

    with redis_server() as shared:
        settings = {
            "B12_AUTHENTICATION": "required",
            "B12_CLIENTS": str(tmp_path / "clients.yaml"),
            "B12_BASE_URLS": json.dumps([base_url]),
            "B12_REDIS": shared.url,
        }
        with running(settings, tmp_path / "log", workers=2) as service:
            assert until(service.base, 200)["tokens"] == "ok"
            assert called(service) == 200
            shared.stop()
            assert until(service.base, 503)["tokens"] == "unreachable"
            assert (alive(service.base), called(service)) == (True, 503)
            shared.start()
            assert until(service.base, 200)["tokens"] == "ok"
            assert called(service) == 200


def test_when_the_key_sets_are_gone_for_too_long_it_is_not_ready_until_they_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that were read serve for a while; then nobody can be known, and that is said."""
    monkeypatch.setattr(keys, "STALE", 0.5)
    monkeypatch.setattr(keys, "RETRY", 0.1)
    file = tmp_path / "keys.json"
    file.write_bytes(jwks(jwk(ec())))
    (tmp_path / "clients.yaml").write_text(CLIENTS.format(keys="keys-file: keys.json"), encoding="utf-8")
    http = create_app(
        Settings(clients=tmp_path / "clients.yaml", base_urls=("https://cds.example",), database="none")
    ).test_client()

    def said() -> tuple[int, str]:
        answer = http.get("/readyz")
        return answer.status_code, answer.json["checks"]["keys"]

    assert said() == (200, "ok")
    file.rename(tmp_path / "away.json")
    assert said() == (200, "ok")
    time.sleep(0.7)
    assert said() == (503, "0 of 1 key sets")
    assert http.get("/healthz").status_code == 200
    (tmp_path / "away.json").rename(file)
    time.sleep(0.2)
    assert said() == (200, "ok")
