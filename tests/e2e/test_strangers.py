"""Callers nobody knows cannot keep the service from those it knows."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import requests

from service.serving import THREADS
from tests.cds_hooks.tokens import claims, ec, jwk, jwks, token

from .chart import low_b12
from .running import SERVICE, free_port, served

STRANGERS = 12
"""More than the threads that answer calls."""
HEAD = f"POST {SERVICE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"


def site(tmp_path: Path, base: str) -> dict[str, str]:
    """The settings of a service that knows one client."""
    (tmp_path / "keys.json").write_bytes(jwks(jwk(ec())))
    lines = ["issuers:", "  - issuer: https://ehr.example", "    keys-file: keys.json", "    clients:"]
    known = "      - {name: ward, protocol: uk-ng239}"
    (tmp_path / "clients.yaml").write_text("\n".join([*lines, known]), encoding="utf-8")
    return {
        "B12_AUTHENTICATION": "required",
        "B12_CLIENTS": str(tmp_path / "clients.yaml"),
        "B12_BASE_URLS": json.dumps([base]),
    }


def known(base: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(claims(SERVICE, aud=base + SERVICE))}"}


def test_strangers_whose_bodies_never_come_are_turned_away_at_once_and_nobody_waits(tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with served(port, site(tmp_path, base), tmp_path / "log"):
        strangers = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(STRANGERS)]
        for stranger in strangers:
            stranger.sendall(f"{HEAD}\r\n{{".encode())
        heads = {stranger.recv(4096).partition(b"\r\n")[0] for stranger in strangers}
        answer = requests.post(f"{base}{SERVICE}", json=low_b12(), headers=known(base), timeout=10)
        for stranger in strangers:
            stranger.close()

    assert heads == {b"HTTP/1.1 401 Unauthorized"}
    assert answer.status_code == 200


def test_a_client_whose_bodies_drip_holds_a_thread_for_each_until_its_connection_ends_and_no_other(
    tmp_path: Path,
) -> None:
    """What bounds the drip itself is the proxy in front, which hands on bodies that are whole (going-live.md)."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"

    def asked() -> int:
        return requests.post(f"{base}{SERVICE}", json=low_b12(), headers=known(base), timeout=10).status_code

    with served(port, site(tmp_path, base), tmp_path / "log"):
        for _ in range(2):
            slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(THREADS - 1)]
            for connection in slow:
                connection.sendall(f"{HEAD}Authorization: {known(base)['Authorization']}\r\n\r\n{{".encode())
            for _ in range(3):
                assert asked() == 200
                for connection in slow:
                    connection.sendall(b" ")
            for connection in slow:
                connection.close()
        assert asked() == 200
