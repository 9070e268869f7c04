"""A real FHIR server that asks for a token: SMART Backend Services, in a thread of this process, on loopback."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import uvicorn
from sekmet.config import ServerAuth, Settings, SimulatorSettings, SmartClient
from sekmet.main import create_app

from tests.e2e.chart import low_b12

SEED = "token-of-whoever-fills-the-server"


class Asked:
    """Counts what reaches the server: tokens asked for, and queries by whom."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.tokens = 0
        self.queries: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            self.tokens += path == "/auth/token"
            if path.startswith("/fhir/") and not path.endswith("smart-configuration"):
                self.queries.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        await self._app(scope, receive, send)


@contextmanager
def guarded_ehr(*clients: SmartClient, lifetime: int = 3600) -> Iterator[tuple[str, Asked]]:
    """Give the base of a server that holds one patient with a low B12, and what reaches it."""
    with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryDirectory() as files:
        port = listening.getsockname()[1]
        base = f"http://127.0.0.1:{port}/fhir"
        auth = ServerAuth(
            types=["smart", "bearer"], tokens=[SEED], smart_clients=list(clients), token_lifetime=lifetime
        )
        app = create_app(
            Settings(
                base_url=base,
                host="127.0.0.1",
                port=port,
                data_dir=files,
                db_path=":memory:",
                own_private_key_path=f"{files}/unused.pem",
                server_auth=auth,
                simulator=SimulatorSettings(enabled=False, auto=[]),
                log_inbound=False,
            )
        )
        asked = Asked(app)
        server = uvicorn.Server(
            uvicorn.Config(asked, log_config=None, log_level="error", lifespan="off", loop="asyncio")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < end
            time.sleep(0.02)
        _fill(base)
        asked.queries.clear()
        try:
            yield base, asked
        finally:
            server.should_exit = True
            thread.join(5)


def _fill(base: str) -> None:
    prefetch = low_b12()["prefetch"]
    for resource in (prefetch["patient"], prefetch["b12"]["entry"][0]["resource"]):
        answer = requests.put(
            f"{base}/{resource['resourceType']}/{resource['id']}",
            json=resource,
            headers={"Authorization": f"Bearer {SEED}", "Content-Type": "application/fhir+json"},
            timeout=10,
        )
        assert answer.status_code in (200, 201), answer.text
