"""Callers nobody knows cannot keep the service from those it knows."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import requests

from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token

from .chart import low_b12
from .running import SERVICE, free_port, served

STRANGERS = 12
"""More than the threads that answer calls."""


def test_strangers_whose_bodies_never_come_are_turned_away_at_once_and_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(jwk(ec())))
    lines = ["issuers:", "  - issuer: https://ehr.example", "    keys-file: keys.json", "    clients:"]
    known = "      - {name: ward, protocol: uk-ng239}"
    (tmp_path / "clients.yaml").write_text("\n".join([*lines, known]), encoding="utf-8")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    settings = {
        "B12_AUTHENTICATION": "required",
        "B12_CLIENTS": str(tmp_path / "clients.yaml"),
        "B12_BASE_URLS": json.dumps([base]),
    }
    head = f"POST {SERVICE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    with served(port, settings, tmp_path / "log"):
        strangers = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(STRANGERS)]
        for stranger in strangers:
            stranger.sendall(head.encode())
        heads = {stranger.recv(4096).partition(b"\r\n")[0] for stranger in strangers}
        given = {"Authorization": f"Bearer {token(claims(SERVICE, aud=base + SERVICE))}"}
        answer = requests.post(f"{base}{SERVICE}", json=low_b12(), headers=given, timeout=10)
        for stranger in strangers:
            stranger.close()

    assert heads == {b"HTTP/1.1 401 Unauthorized"}
    assert answer.status_code == 200
