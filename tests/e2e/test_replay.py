"""A token that one of four workers has seen is refused by all: they share the database (J12)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from service.serving import until_healthy
from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token

from .running import COMMAND, ROOT, environment, free_port

CLIENTS = """
issuers:
  - issuer: https://ehr.example
    keys-file: keys.json
    jku: [https://ehr.example/.well-known/jwks.json]
    clients: [{name: north, protocol: uk-ng239}]
"""


def test_j12_of_four_workers_with_one_database_one_answers_a_token_once(tmp_path: Path) -> None:
    (tmp_path / "clients.yaml").write_text(CLIENTS, encoding="utf-8")
    (tmp_path / "keys.json").write_bytes(jwks(jwk(ec())))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = {
        "B12_AUTHENTICATION": "required",
        "B12_CLIENTS": str(tmp_path / "clients.yaml"),
        "B12_BASE_URLS": f'["{address}"]',
        "B12_DATABASE": str(tmp_path / "state.sqlite3"),
    }
    command = [*COMMAND, "serve", "--port", str(port), "--workers", "4"]
    child = subprocess.Popen(command, env=environment(settings), cwd=ROOT, start_new_session=True)
    try:
        assert until_healthy(address, child)
        url = f"{address}/cds-services"
        sent = [token(claims("/cds-services", aud=url, tenant=...)) for _ in range(5)]

        def status(nth: int) -> tuple[int, int]:
            given = {"Authorization": f"Bearer {sent[nth % 5]}"}
            return nth % 5, requests.get(url, headers=given, timeout=20).status_code

        with ThreadPoolExecutor(20) as pool:
            said = Counter(pool.map(status, range(100)))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)

    assert said == {(nth, code): times for nth in range(5) for code, times in ((200, 1), (401, 19))}
